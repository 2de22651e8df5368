// One stream of events over fetch: resumes by cursor, proves by `previous` that nothing was missed, notices silence,
// and comes back after every end until it is stopped. What it reads is handed over in order; the next piece is read when
// the last one has been taken.
import type { Row } from './entity.js';
import type { Limits } from './limits.js';
import { fullJitter } from './retry.js';
import { SseParser, type SseFrame } from './sse.js';
import type { Transport } from './transport.js';

export interface SyncEvent {
  position: number;
  cursor: string;
  previous: number;
  resource: string;
  action: 'created' | 'updated' | 'deleted' | 'reverted';
  id: string;
  version: number;
  branch: string | null;
  actor: string;
  recorded_at: string;
  data: Row | null;
}

export interface StreamHandlers {
  /** Events in order, and the cursor behind the last frame of the piece. */
  onEvents(events: SyncEvent[], cursor: string): Promise<void>;
  onCaughtUp(): void;
  /** What was held is of another history: it is void, and the stream goes on from the new cursor. */
  onResync(cursor: string): Promise<void>;
  onState(state: 'connecting' | 'catching up' | 'away' | 'signed out'): void;
}

export const positionOf = (cursor: string): number => Number.parseInt(cursor, 10) || 0;

const maxGaps = 3; // then the cursor is given up
const voidCodes = new Set([400, 404]);

export class EventStream {
  #stopped = new AbortController();
  #attempts = 0;
  #gaps = 0;
  #askedRetryMs = 0;
  #wake: () => void = () => {};
  #cursor: string;
  /** Ends when stop() has been called and the last piece has been taken. */
  readonly done: Promise<void>;

  constructor(
    private readonly transport: Transport,
    private readonly limits: Limits,
    private readonly resources: readonly string[],
    cursor: string,
    private readonly handlers: StreamHandlers,
  ) {
    this.#cursor = cursor;
    this.done = Promise.resolve().then(() => this.#run()); // not before the owner holds this object
  }

  stop(): void {
    this.#stopped.abort();
    this.#wake();
  }

  /** Tries again now, when it waits. */
  hurry(): void {
    this.#attempts = 0;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.handlers.onState('connecting');
      this.#askedRetryMs = 0;
      try {
        await this.#follow();
      } catch {
        // Whatever it was, the way on is the same: wait and come back with the cursor.
      }
      if (this.#stopped.signal.aborted) break;
      const jitter = fullJitter(this.#attempts++, this.limits.retryBaseMs, this.limits.retryCapMs);
      await this.#pause(Math.max(jitter, this.#askedRetryMs));
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #follow(): Promise<void> {
    const connection = new AbortController();
    const end = () => connection.abort();
    this.#stopped.signal.addEventListener('abort', end, { signal: connection.signal }); // until it has ended
    let silence = setTimeout(end, this.limits.requestMs);
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(end, this.limits.silenceMs);
    };
    try {
      const query = new URLSearchParams(this.resources.map((resource) => ['resource', resource]));
      query.set('after', this.#cursor);
      const headers = { Accept: 'text/event-stream', 'Last-Event-ID': this.#cursor };
      const { answer } = await this.transport.open(`/api/events?${query}`, headers, connection.signal);
      heard();
      if (!(await this.#accepts(answer))) return;
      this.handlers.onState('catching up');
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new SseParser(this.limits.maxFrameLength);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        heard();
        if (!(await this.#take(parser.push(value)))) break;
      }
    } finally {
      clearTimeout(silence);
      connection.abort();
      if (!this.#stopped.signal.aborted) this.handlers.onState('away');
    }
  }

  async #accepts(answer: Response): Promise<boolean> {
    const type = answer.headers.get('Content-Type') ?? '';
    if (answer.ok && type.startsWith('text/event-stream')) return true;
    this.#askedRetryMs = (Number(answer.headers.get('Retry-After')) || 0) * 1000;
    const refused = type.startsWith('application/problem+json');
    if (refused && answer.status === 401) this.handlers.onState('signed out');
    else if (refused && voidCodes.has(answer.status)) await this.#giveUpCursor();
    return false;
  }

  // False when the connection must be given up.
  async #take(frames: SseFrame[]): Promise<boolean> {
    let events: SyncEvent[] = [];
    const handOver = async () => {
      const taken = events;
      events = [];
      if (!this.#stopped.signal.aborted) await this.handlers.onEvents(taken, this.#cursor);
    };
    for (const frame of frames) {
      if (frame.retry !== undefined) this.#askedRetryMs = Math.floor(Math.random() * frame.retry);
      if (frame.data === '') continue;
      const data = JSON.parse(frame.data);
      if (frame.event === '') {
        const event = data as SyncEvent;
        if (event.previous > positionOf(this.#cursor)) {
          await handOver();
          if (++this.#gaps >= maxGaps) await this.#giveUpCursor();
          return false; // the way back is from the cursor that is held
        }
        if (event.position > positionOf(this.#cursor)) {
          events.push(event);
          this.#cursor = event.cursor;
        }
        continue;
      }
      if (frame.event === 'caught_up' || frame.event === 'checkpoint') {
        if (positionOf(data.cursor) >= positionOf(this.#cursor)) this.#cursor = data.cursor;
        await handOver();
        if (frame.event === 'caught_up') this.#caughtUp();
      } else if (frame.event === 'resync') {
        events = [];
        this.#cursor = data.cursor;
        await this.handlers.onResync(data.cursor);
      } else if (frame.event === 'bye') {
        await handOver();
        this.#askedRetryMs = Math.floor((Number(data.retry_ms) || 0) * (0.5 + Math.random() / 2));
        return false;
      }
    }
    if (events.length > 0) await handOver();
    return !this.#stopped.signal.aborted;
  }

  #caughtUp(): void {
    this.#attempts = 0;
    this.#gaps = 0;
    if (!this.#stopped.signal.aborted) this.handlers.onCaughtUp();
  }

  async #giveUpCursor(): Promise<void> {
    this.#gaps = 0;
    await this.handlers.onResync('');
  }
}
