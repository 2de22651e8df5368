// What the Stream page holds of the stream: a bounded tail, what waits while it is paused, and how fast it comes.
import { signal } from '@preact/signals';
import { request } from '../../data/api.ts';
import { LiveStream, type LogEvent, type StreamMarker } from '../../data/live_stream.ts';

export type TailEntry = { key: number; atMs: number } & ({ event: LogEvent } | { marker: StreamMarker });

export const maxEntries = 500;
export const rateSeconds = 60;
const shownBefore = 100; // events that are there already when the page is opened

export class StreamTail {
  /** The newest first. */
  readonly entries = signal<readonly TailEntry[]>([]);
  readonly waiting = signal(0);
  readonly state = signal<'connecting' | 'catching up' | 'live' | 'away'>('connecting');
  readonly cursor = signal('');
  /** Events a second, the newest last. */
  readonly rates = signal<readonly number[]>(new Array<number>(rateSeconds).fill(0));
  readonly seen = signal(0);
  #stream: LiveStream | null = null;
  #isClosed = false;
  #isPaused = false;
  #held: TailEntry[] = [];
  #made = 0;
  #thisSecond = 0;
  #frame = 0;
  #ticker = setInterval(() => this.#tick(), 1000);

  /** `entity`: any, to ask where the log ends. */
  constructor(filters: URLSearchParams, entity: string) {
    void this.#start(filters, entity);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#ticker);
    cancelAnimationFrame(this.#frame);
    this.#stream?.close();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!isPaused) this.#show();
  }

  clear(): void {
    this.#held = [];
    this.entries.value = [];
    this.waiting.value = 0;
  }

  async #start(filters: URLSearchParams, entity: string): Promise<void> {
    let after = '';
    try {
      const answer = await request(`/api/${entity}?limit=1`);
      await answer.text();
      const head = Number.parseInt(answer.headers.get('Sync-Position') ?? '', 10);
      if (head > 0) after = String(Math.max(0, head - shownBefore));
    } catch {
      // The stream itself says what is wrong.
    }
    if (this.#isClosed) return;
    this.#stream = new LiveStream(filters, after, {
      onEvents: (events) => {
        if (this.state.value === 'live') this.#thisSecond += events.length;
        this.seen.value += events.length;
        this.#add(events.map((event) => ({ key: ++this.#made, atMs: Date.now(), event })));
      },
      onMarker: (marker) => this.#add([{ key: ++this.#made, atMs: Date.now(), marker }]),
      onState: (state, cursor) => {
        this.state.value = state;
        this.cursor.value = cursor;
      },
    });
  }

  // Thousands a second are drawn once a frame; what falls out at the end was not seen by anybody.
  #add(entries: readonly TailEntry[]): void {
    this.#held = [...this.#held, ...entries].slice(-maxEntries);
    if (this.#isPaused) this.waiting.value = this.#held.length;
    else this.#frame ||= requestAnimationFrame(() => this.#show());
  }

  #show(): void {
    this.#frame = 0;
    if (this.#isPaused || this.#held.length === 0) return;
    this.entries.value = [...this.#held.reverse(), ...this.entries.value].slice(0, maxEntries);
    this.#held = [];
    this.waiting.value = 0;
  }

  #tick(): void {
    this.rates.value = [...this.rates.value.slice(1), this.#thisSecond];
    this.#thisSecond = 0;
  }
}
