// The tabs of one browser: one of them leads, which holds the stream and sends what waits. Leading is holding a Web Lock, so
// a tab that closes or crashes hands over at once; one that is frozen keeps its lock, so the others ask it for a sign of
// life and take the lock away. Without Web Locks every tab leads itself, and says so.
import type { RecordChange } from './cache.js';
import type { Faults } from './faults.js';
import type { Limits } from './limits.js';

export type TabMessage =
  | { kind: 'records'; changes: readonly RecordChange[]; entities: readonly string[]; cursor: string }
  | { kind: 'reread' }
  | { kind: 'cleared' }
  | { kind: 'outbox'; discarded?: string }
  | { kind: 'follow'; entities: Record<string, string> }
  | { kind: 'connection'; connection: string; isAdmitted: boolean | undefined }
  | { kind: 'signed in' }
  | { kind: 'signed out' }
  | { kind: 'faults'; faults: Faults }
  | { kind: 'send now' }
  | { kind: 'leads' }
  | { kind: 'ping' }
  | { kind: 'pong' };

export interface TabHandlers {
  onMessage(message: TabMessage): void;
  /** Starts or stops leading. Whoever leads no more must stop at once. */
  onLead(leads: boolean): void;
}

export interface TabPlatform {
  locks: LockManager | undefined;
  BroadcastChannel: typeof globalThis.BroadcastChannel | undefined;
}

const stealJitterMs = 400;

export class Tabs {
  readonly shares: boolean;
  #channel: BroadcastChannel | undefined;
  #locks: LockManager | undefined;
  #release: (() => void) | undefined;
  #queued = new AbortController();
  #heardMs = 0;
  #leads = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly name: string,
    platform: TabPlatform,
    private readonly limits: Limits,
    private readonly handlers: TabHandlers,
  ) {
    this.#locks = platform.locks;
    this.shares = this.#locks !== undefined && platform.BroadcastChannel !== undefined;
    if (platform.BroadcastChannel) {
      this.#channel = new platform.BroadcastChannel(name);
      this.#channel.onmessage = ({ data }) => this.#take(data as TabMessage);
    }
  }

  get leads(): boolean {
    return this.#leads;
  }

  start(): void {
    if (!this.shares) return this.#setLead(true);
    this.#queue();
    this.#watch();
  }

  send(message: TabMessage): void {
    if (!this.#closed) this.#channel?.postMessage(message);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#queued.abort();
    this.#release?.();
    this.#channel?.close();
    this.#leads = false;
  }

  #take(message: TabMessage): void {
    if (this.#closed) return;
    if (message.kind === 'ping') {
      if (this.#leads) this.send({ kind: 'pong' });
      return;
    }
    if (message.kind === 'pong' || message.kind === 'leads') this.#heardMs = performance.now();
    if (message.kind !== 'pong') this.handlers.onMessage(message);
  }

  // Waits in line for the lock.
  #queue(): void {
    this.#queued = new AbortController();
    void this.#hold({ signal: this.#queued.signal });
  }

  async #hold(options: LockOptions): Promise<void> {
    let led = false;
    try {
      await this.#locks!.request(this.name, options, () => {
        if (this.#closed) return;
        led = true;
        this.#setLead(true);
        return new Promise<void>((resolve) => (this.#release = resolve));
      });
    } catch {
      // Given up to steal it, or stolen by another tab.
    }
    if (this.#closed || !led) return;
    this.#release = undefined;
    this.#setLead(false);
    this.#heardMs = performance.now();
    this.#queue();
    this.#watch();
  }

  #setLead(leads: boolean): void {
    this.#leads = leads;
    this.handlers.onLead(leads);
    if (leads) this.send({ kind: 'leads' });
  }

  // A frozen page answers no message; a page in the background does, though its timers are slow.
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#leads) return;
    this.#timer = setTimeout(() => {
      const askedMs = performance.now();
      this.send({ kind: 'ping' });
      this.#timer = setTimeout(() => {
        if (this.#closed || this.#leads) return;
        if (this.#heardMs >= askedMs) this.#watch();
        else this.#timer = setTimeout(() => this.#stealUnlessHeard(askedMs), Math.random() * stealJitterMs);
      }, this.limits.pingMs);
    }, this.limits.pingMs);
  }

  #stealUnlessHeard(askedMs: number): void {
    if (this.#closed || this.#leads) return;
    if (this.#heardMs >= askedMs) return this.#watch();
    this.#queued.abort();
    void this.#hold({ steal: true });
  }
}
