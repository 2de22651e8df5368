// The entities whose records the stream keeps, and how far back it must reach for each. Only the leading tab has a stream;
// every tab knows what it needs, to take over.
import { fromEvent } from './cache.js';
import type { Core } from './core.js';
import { fullJitter } from './retry.js';
import type { Status } from './status.js';
import { EventStream, positionOf, type SyncEvent } from './stream.js';

export interface FollowedHandlers {
  onConnection(connection: Status['connection']): void;
  onAdmitted(isAdmitted: boolean): void;
  onVoid(): Promise<void>;
}

const gatherMs = 10; // a page loads several collections at once: one stream for all of them

export class Followed {
  #wanted = new Map<string, string>(); // entity → cursor that it is known up to
  #covered = new Map<string, number>(); // entity → the position from which the running stream has told everything
  #stream: EventStream | undefined;
  #leads = false;
  #opened = false;
  #caughtUpNow = false; // the running stream has told all there was, and goes on
  #voids = 0; // in a row
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly core: Core, private readonly handlers: FollowedHandlers) {}

  get isRunning(): boolean {
    return this.#stream !== undefined || this.#timer !== undefined;
  }

  get isCaughtUp(): boolean {
    return this.#stream !== undefined && this.#caughtUpNow;
  }

  wanted(): Record<string, string> {
    return Object.fromEntries(this.#wanted);
  }

  add(entity: string, cursor: string): void {
    const position = positionOf(cursor);
    if ((this.#covered.get(entity) ?? Infinity) <= position) return;
    const held = this.#wanted.get(entity);
    if (held === undefined || positionOf(held) > position) this.#wanted.set(entity, cursor);
    if (this.#leads) this.#restartSoon();
  }

  /** The leading tab has told everything up to here. */
  noteCursor(entity: string, cursor: string): void {
    if (this.#wanted.has(entity)) this.#wanted.set(entity, cursor);
  }

  async start(): Promise<void> {
    this.#leads = true;
    if (this.#wanted.size > 0) this.#restartSoon();
  }

  async stop(): Promise<void> {
    this.#leads = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#end();
  }

  hurry(): void {
    this.#stream?.hurry();
  }

  /** Cursors are void; entities come again when they have been loaded again. */
  forget(): void {
    this.#wanted.clear();
    this.#covered.clear();
    void this.#end();
  }

  #end(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#covered.clear();
    stream?.stop();
    return stream?.done ?? Promise.resolve();
  }

  #restartSoon(): void {
    this.#timer ??= setTimeout(() => void this.#restart(), gatherMs);
  }

  async #restart(): Promise<void> {
    for (const entity of this.#wanted.keys()) {
      await this.core.cache.hydrate(entity);
      await this.core.cache.lowerToStored(entity);
    }
    await this.#end();
    this.#timer = undefined;
    if (!this.#leads || this.#wanted.size === 0) return;
    let start: string | undefined;
    for (const [entity, cursor] of this.#wanted) {
      // What the storage was told of comes before what a list has seen.
      const stored = this.core.cache.cursor(entity);
      const from = stored !== undefined && positionOf(stored) < positionOf(cursor) ? stored : cursor;
      this.#wanted.set(entity, from);
      if (start === undefined || positionOf(from) < positionOf(start)) start = from;
    }
    const entities = [...this.#wanted.keys()];
    for (const entity of entities) this.#covered.set(entity, positionOf(start!));
    this.#opened = false;
    const { transport, limits } = this.core;
    const stream: EventStream = new EventStream(transport, limits, entities, start!, {
      onEvents: (events, cursor) => this.#take(stream, entities, events, cursor),
      onCaughtUp: () => this.#stream === stream && this.#caughtUp(),
      onResync: () => this.#void(stream),
      onState: (state) => this.#stream === stream && this.#noteState(state),
    });
    this.#stream = stream;
  }

  async #take(stream: EventStream, entities: string[], events: SyncEvent[], cursor: string): Promise<void> {
    if (this.#stream !== stream) return;
    const now = Date.now();
    for (const entity of entities) this.#wanted.set(entity, cursor);
    await this.core.cache.apply(events.map((event) => fromEvent(event, now)), entities, cursor);
  }

  async #void(stream: EventStream): Promise<void> {
    if (this.#stream !== stream) return;
    stream.stop();
    this.#stream = undefined;
    // A cursor that is void again and again must not load the lists again and again.
    const { limits } = this.core;
    const pauseMs = this.#voids++ === 0 ? 0 : fullJitter(this.#voids, limits.retryBaseMs, limits.retryCapMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (this.#leads) await this.handlers.onVoid();
  }

  #caughtUp(): void {
    this.#voids = 0;
    this.#caughtUpNow = true;
    this.handlers.onConnection('online');
  }

  #noteState(state: 'connecting' | 'catching up' | 'away' | 'signed out'): void {
    this.#caughtUpNow = false;
    if (state === 'signed out') this.handlers.onAdmitted(false);
    if (state === 'catching up') {
      this.#opened = true;
      this.handlers.onAdmitted(true);
      this.handlers.onConnection('catching up');
    }
    if (state !== 'away') return;
    this.handlers.onConnection(this.#opened ? 'catching up' : 'offline');
    this.#opened = false;
  }
}
