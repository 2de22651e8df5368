// connect(), and what it gives a page.
import { attentionItem, resolved, type AttentionItem, type Choice } from './attention.js';
import { Collection } from './collection.js';
import { Core } from './core.js';
import { canonicalFields, type EntityInfo, type Row } from './entity.js';
import { noFaults, type Faults } from './faults.js';
import { entityInfos, type EntityTypes } from './generated/entities.js';
import { fingerprint } from './ids.js';
import { defaultLimits, type Limits } from './limits.js';
import type { Operation } from './operation.js';
import type { Verdict } from './sender.js';
import { Signal } from './signal.js';
import type { Status } from './status.js';
import type { TabPlatform } from './tabs.js';
import { Transport, type Fetch, type Token } from './transport.js';
import { unsentItem, type UnsentItem } from './unsent.js';

export interface ConnectOptions {
  /** The server, with the path prefix that a proxy gives it. Unless told, where the page came from. */
  url?: string;
  /** Asked before each request; none: no sign-in. */
  token?: Token;
  /**
   * Whose changes and cache these are. Unless told `actor` tells, else the token, and connect() rejects where there is none.
   * Needed when the same person's token changes, or when the page begins without one: offline, or not signed in yet.
   */
  user?: string;
  /**
   * The name that the server itself has for whoever is signed in here (`actor` of `GET /api/session`). Said with every
   * write: when the server has admitted somebody else, it refuses with 401 and the outbox waits.
   */
  actor?: string;
  /** Begins with everything held, until resume(): it is not certain who is signed in. */
  hold?: boolean;
  /** Definitions that this server has beside the built-in ones. */
  entities?: Record<string, EntityInfo>;
  limits?: Partial<Limits>;
  /** Replaces what the browser gives, for tests. */
  platform?: Partial<TabPlatform> & { fetch?: Fetch };
}

export class Sync {
  readonly #core: Core;
  #collections = new Map<string, Collection>();
  /** Changes that the backend refused, for a person to decide. */
  readonly attention = new Signal<readonly AttentionItem[]>([]);
  /** What waits to be sent, oldest first. */
  readonly unsent = new Signal<readonly UnsentItem[]>([]);

  /** Use connect(). */
  constructor(core: Core) {
    this.#core = core;
    const note = core.outbox.onChange;
    core.outbox.onChange = (lanes) => {
      note(lanes);
      const refused = core.outbox.operations.filter(({ state }) => state === 'attention');
      if (refused.length > 0 || this.attention.value.length > 0) this.attention.set(refused.map(attentionItem));
      this.#noteUnsent();
    };
  }

  get status(): Signal<Status> {
    return this.#core.status;
  }

  get entities(): string[] {
    return Object.keys(this.#core.entities);
  }

  collection<K extends keyof EntityTypes>(name: K): Collection<EntityTypes[K] & Row>;
  collection<R extends Row = Row>(name: string): Collection<R>;
  collection(name: string): Collection {
    let made = this.#collections.get(name);
    if (!made) this.#collections.set(name, (made = new Collection(this.#core, name)));
    return made;
  }

  /** Decides a refused change and sends what is decided. */
  async resolve(key: string, choice: Choice): Promise<Verdict> {
    const operation = this.#refused(key);
    const next = resolved(operation, typeof choice === 'string' ? choice : canonicalFields(this.#core.info(operation.entity), choice));
    await this.#core.outbox.swap(operation, ...(next ? [next] : []));
    this.#core.noteOutbox();
    const kept = this.#core.outbox.find(key);
    return next && kept ? this.#core.sender.send(kept) : { stored: 'backend', records: [] };
  }

  /** Sends a refused change again, with corrections. */
  retry(key: string, corrections: Row = {}): Promise<Verdict> {
    return this.resolve(key, { ...attentionItem(this.#refused(key)).mine, ...corrections });
  }

  /** Gives a refused change up. */
  async discard(key: string): Promise<void> {
    await this.resolve(key, 'theirs');
  }

  /** Tries what waits now, in all tabs, and looks whether the backend is back. */
  sendNow(): void {
    this.#core.sendNow();
  }

  /**
   * Gives up a change that waits: it is not sent again. An attempt that is under way, or got no answer, may have got through:
   * then it stands. False when it does not wait any more, or this browser cannot write that down.
   */
  async discardUnsent(key: string): Promise<boolean> {
    const isDone = await this.#core.outbox.discard(key, Date.now());
    this.#core.noteOutbox();
    return isDone;
  }

  /** Makes things go wrong in all tabs of this browser, to see how a page recovers; status.warnings says so meanwhile. */
  setFaults(faults: Partial<Faults>): void {
    this.#core.setFaults({ ...noFaults, ...faults });
  }

  /** The browser's fetch for a path of the backend, with this client's sign-in; rejects when there is no answer. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return this.#core.fetch(path, init);
  }

  /** All that is not acknowledged, as JSON text for a file. */
  exportUnsent(): string {
    return JSON.stringify(this.#core.outbox.export(), null, 2);
  }

  /** After signing in: what was held is sent. Notices a new token by itself within seconds. */
  resume(): void {
    this.#core.resume();
  }

  /**
   * The page has signed out: in all tabs everything is held until resume(), and the records that this browser kept for the
   * user are cleared. What is unsent stays. `keepRecords`: they are only not shown, as after a 401.
   */
  signedOut(options: { keepRecords?: boolean } = {}): Promise<void> {
    return this.#core.signedOut(options.keepRecords === true);
  }

  /** Ends streams and timers. What is unsent stays where it is. */
  close(): Promise<void> {
    return this.#core.close();
  }

  #noteUnsent(): void {
    const { outbox } = this.#core;
    const isBehind = (operation: Operation) => operation.lanes.some((lane) => outbox.ofLane(lane)[0] !== operation);
    const waiting = outbox.operations.filter(({ state }) => state === 'waiting');
    if (waiting.length > 0 || this.unsent.value.length > 0) this.unsent.set(waiting.map((one) => unsentItem(one, isBehind(one))));
  }

  #refused(key: string): Operation {
    const operation = this.#core.outbox.find(key);
    if (operation?.state !== 'attention') throw new Error('there is no refused change with this key');
    return operation;
  }
}

/** Opens the storage and joins the other tabs. Works without a backend: `status` says how things stand. */
export async function connect(options: ConnectOptions = {}): Promise<Sync> {
  const url = options.url ?? globalThis.location?.origin;
  if (!url) throw new Error('connect() needs the url of the server');
  const base = new URL(url, globalThis.location?.href).href.replace(/\/+$/, '');
  const { fetch = globalThis.fetch.bind(globalThis), ...platform } = options.platform ?? {};
  const limits = { ...defaultLimits, ...options.limits };
  const transport = new Transport(base, options.token, fetch, limits, options.actor);
  const user = options.user ?? options.actor ?? (options.token ? `token ${await tokenName(transport)}` : 'anonymous');
  const core = new Core(`synclog ${base} ${user}`, transport, limits, { ...entityInfos, ...options.entities }, {
    locks: 'locks' in platform ? platform.locks : globalThis.navigator?.locks,
    BroadcastChannel: 'BroadcastChannel' in platform ? platform.BroadcastChannel : globalThis.BroadcastChannel,
  });
  const sync = new Sync(core);
  if (options.hold) core.hold();
  await core.start();
  return sync;
}

// Without either nobody could say later whose the changes are that were made meanwhile.
async function tokenName(transport: Transport): Promise<string> {
  const token = await transport.token().catch(() => null);
  if (!token) throw new Error('connect(): `token` gives none, so that `user` must say whose changes these are');
  return fingerprint(token);
}
