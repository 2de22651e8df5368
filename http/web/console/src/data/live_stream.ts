// The stream of events as it comes, with all that it says about itself: for people who want to watch it. Pages that want
// records use the client library, which needs none of this.
import { fullJitter } from '../../../client/src/retry.ts';
import { SseParser, type SseFrame } from '../../../client/src/sse.ts';
import { positionOf, type SyncEvent } from '../../../client/src/stream.ts';
import { authorization } from '../app/session.ts';
import { queryOf, urlOf } from './api.ts';

export type LogEvent = SyncEvent & { previous_branch?: string | null };
export type StreamMarker =
  | { kind: 'hello' | 'caught up'; cursor: string }
  /** An event names a predecessor that was not seen. */
  | { kind: 'gap'; from: number; to: number }
  | { kind: 'resync'; reason: string; cursor: string }
  | { kind: 'bye'; reason: string }
  | { kind: 'lost'; reason: string; retryMs: number }
  | { kind: 'refused'; detail: string };

export interface StreamListener {
  onEvents(events: readonly LogEvent[]): void;
  onMarker(marker: StreamMarker): void;
  /** Whether it is connected, and the newest cursor. */
  onState(state: 'connecting' | 'catching up' | 'live' | 'away', cursor: string): void;
}

const silenceMs = 40_000; // the server speaks at least every 15 s
const retryBaseMs = 500;
const retryCapMs = 15_000;
const maxFrameLength = 8 * 1024 * 1024;
const hopeless = new Set([400, 401, 403, 404]);

export class LiveStream {
  #stopped = new AbortController();
  #cursor: string;
  #attempts = 0;
  #askedRetryMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `filters`: resource, branch, id, action, repeatable. `after`: a cursor or a position; '' is now. */
  constructor(private readonly filters: URLSearchParams, after: string, private readonly listener: StreamListener) {
    this.#cursor = after;
    void this.#connect();
  }

  close(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
  }

  async #connect(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.listener.onState('connecting', this.#cursor);
    this.#askedRetryMs = 0;
    const reason = await this.#follow().catch((error: Error) => error.message);
    if (this.#stopped.signal.aborted || reason === null) return;
    const retryMs = Math.max(fullJitter(this.#attempts++, retryBaseMs, retryCapMs), this.#askedRetryMs);
    this.listener.onState('away', this.#cursor);
    this.listener.onMarker({ kind: 'lost', reason, retryMs });
    this.#timer = setTimeout(() => void this.#connect(), retryMs);
  }

  // Why it ended; null: it will not work at all.
  async #follow(): Promise<string | null> {
    const connection = new AbortController();
    const end = () => connection.abort();
    this.#stopped.signal.addEventListener('abort', end);
    let silence = setTimeout(end, silenceMs);
    const query = new URLSearchParams(this.filters);
    if (this.#cursor) query.set('after', this.#cursor);
    try {
      const answer = await fetch(urlOf(`/api/events${queryOf(query)}`), {
        headers: { Accept: 'text/event-stream', ...authorization() },
        signal: connection.signal,
        cache: 'no-store',
      });
      if (!answer.ok) return await this.#refused(answer);
      this.listener.onState('catching up', this.#cursor);
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new SseParser(maxFrameLength);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return 'the connection was closed';
        clearTimeout(silence);
        silence = setTimeout(end, silenceMs);
        this.#take(parser.push(value));
      }
    } finally {
      clearTimeout(silence);
      this.#stopped.signal.removeEventListener('abort', end);
      connection.abort();
    }
  }

  async #refused(answer: Response): Promise<string | null> {
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
    const detail = problem.detail ?? problem.title ?? `status ${answer.status}`;
    if (!hopeless.has(answer.status)) return detail;
    this.listener.onState('away', this.#cursor);
    this.listener.onMarker({ kind: 'refused', detail });
    return null;
  }

  #take(frames: readonly SseFrame[]): void {
    let events: LogEvent[] = [];
    const handOver = () => {
      if (events.length > 0) this.listener.onEvents(events);
      events = [];
    };
    for (const frame of frames) {
      if (frame.retry !== undefined) this.#askedRetryMs = Math.floor(Math.random() * frame.retry);
      if (frame.data === '') continue;
      const data = JSON.parse(frame.data);
      if (frame.event === '') {
        const event = data as LogEvent;
        if (this.#cursor && event.previous > positionOf(this.#cursor)) {
          handOver();
          this.listener.onMarker({ kind: 'gap', from: positionOf(this.#cursor), to: event.previous });
        }
        this.#cursor = event.cursor;
        events.push(event);
        continue;
      }
      handOver();
      this.#control(frame.event, data as { cursor: string; reason: string; retry_ms?: number });
    }
    handOver();
  }

  #control(name: string, data: { cursor: string; reason: string; retry_ms?: number }): void {
    if (name === 'hello') this.listener.onMarker({ kind: 'hello', cursor: data.cursor });
    if (name === 'hello' && !this.#cursor) this.#cursor = data.cursor;
    if (name === 'caught_up') {
      this.#attempts = 0;
      this.listener.onMarker({ kind: 'caught up', cursor: data.cursor });
    }
    if (name === 'caught_up' || name === 'checkpoint') {
      this.#cursor = data.cursor;
      this.listener.onState('live', this.#cursor);
    }
    if (name === 'resync') {
      this.#cursor = data.cursor;
      this.listener.onMarker({ kind: 'resync', reason: data.reason, cursor: data.cursor });
    }
    if (name === 'bye') {
      this.#askedRetryMs = data.retry_ms ?? 0;
      this.listener.onMarker({ kind: 'bye', reason: data.reason });
    }
  }
}
