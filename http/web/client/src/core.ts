// The parts of a client put together: who hears of what. One for each page and user.
import { Cache, type RecordChange } from './cache.js';
import { Database } from './database.js';
import type { EntityInfo, Row } from './entity.js';
import { areOn, type Faults } from './faults.js';
import type { Limits } from './limits.js';
import { laneOf, overlaid } from './operation.js';
import { Outbox } from './outbox.js';
import { fullJitter } from './retry.js';
import { Sender } from './sender.js';
import { Signal } from './signal.js';
import { warningsOf, type Status } from './status.js';
import { Followed } from './followed.js';
import { positionOf } from './stream.js';
import { Tabs, type TabMessage, type TabPlatform } from './tabs.js';
import { offlineStatuses, type Outcome, type Transport } from './transport.js';
import { Watchers } from './watchers.js';

export interface Change {
  /** Records that are in the result, or were, and differ. */
  ids: readonly string[];
  /** Where the newest of it comes from: a change made on this page, the backend, or what was kept here. */
  source: 'local' | 'backend' | 'cache';
}

export class Core {
  readonly database: Database;
  readonly cache: Cache;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly tabs: Tabs;
  readonly status: Signal<Status>;
  readonly watchers = new Watchers();
  #followed: Followed;
  #probes = 0;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #unlisten: (() => void)[] = [];

  constructor(
    name: string,
    readonly transport: Transport,
    readonly limits: Limits,
    readonly entities: Readonly<Record<string, EntityInfo>>,
    platform: TabPlatform,
    storageVersion?: number,
  ) {
    const tab = name + Math.random().toString(36).slice(2);
    this.database = new Database(name, storageVersion);
    this.cache = new Cache(this.database, limits);
    this.cache.onNews = (news) => this.#tell(news, 'backend');
    this.cache.onStored = (news, entities, cursor) => this.#tellTabs(news, entities, cursor);
    this.outbox = new Outbox(this.database, this.cache, limits, tab);
    this.sender = new Sender(this.outbox, this.cache, transport, limits, {
      nowMs: () => Date.now(),
      onOutcome: (outcome) => this.noteOutcome(outcome),
      onSettled: ({ records }) => {
        this.publish(records);
        this.tabs.send({ kind: 'outbox' });
      },
      onReleased: () => this.tabs.send({ kind: 'outbox' }),
      onNextTry: (nextTry) => this.#set({ nextTry }),
    });
    this.tabs = new Tabs(name, platform, limits, {
      onMessage: (message) => void this.#take(message),
      onLead: (leads) => this.#lead(leads),
    });
    this.#followed = new Followed(this, {
      onConnection: (connection) => this.#setConnection(connection),
      onAdmitted: (isAdmitted) => {
        this.#noteAdmitted(isAdmitted);
        this.#tellConnection(isAdmitted);
      },
      onVoid: () => this.#forget(),
    });
    const start = {
      connection: 'catching up',
      unsent: 0,
      oldestUnsent: null,
      attention: 0,
      signedOut: false,
      storage: 'opening',
      stream: this.tabs.shares ? 'shared' : 'own',
      clockSkewMs: null,
      nextTry: null,
      faults: null,
    } as const;
    this.status = new Signal<Status>({ ...start, warnings: warningsOf(start) });
    this.database.state.subscribe(() => this.#set({ storage: this.outbox.storage }));
    this.database.onLost = () => this.outbox.storageLost();
    this.database.onOpen = (lost) => void this.#opened(lost);
    this.outbox.onChange = (lanes) => this.#outboxChanged(lanes);
    this.outbox.onDiscard = (key) => {
      this.sender.noteDiscarded(key);
      this.tabs.send({ kind: 'outbox', discarded: key });
    };
    transport.onSkew = (skewMs) => this.#noteSkew(skewMs);
    transport.faults.subscribe((faults) => this.#noteFaults(faults));
  }

  async start(): Promise<void> {
    await this.database.open(this.limits.openMs);
    await this.outbox.refresh();
    this.#listen();
    this.tabs.start();
    this.tabs.send({ kind: 'follow', entities: {} }); // the leading tab answers how things stand
    this.#probeSoon(0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probeTimer);
    for (const unlisten of this.#unlisten) unlisten();
    this.sender.stop();
    this.tabs.close();
    this.transport.close();
    await this.#followed.stop();
    await this.sender.settled();
    this.database.close();
  }

  info(entity: string): EntityInfo {
    return (Object.hasOwn(this.entities, entity) && this.entities[entity]) || {};
  }

  /** A record with what waits for it; the same object as long as nothing has changed. Signed out: only what waits. */
  shown(entity: string, id: string): Row | null {
    const stored = this.status.value.signedOut ? null : this.cache.row(entity, id);
    const waiting = this.outbox.ofLane(laneOf(entity, id));
    return waiting.length === 0 ? stored : overlaid(entity, id, stored, waiting);
  }

  /** Ids of every record of an entity of which something is known. */
  ids(entity: string): Set<string> {
    const ids = new Set(this.status.value.signedOut ? [] : this.cache.rows(entity).keys());
    for (const operation of this.outbox.operations) {
      if (operation.entity === entity) for (const { id } of operation.items) ids.add(id);
    }
    return ids;
  }

  isFollowed(entity: string): boolean {
    return entity in this.#followed.wanted();
  }

  /** From here on the stream keeps an entity's records; `cursor`: of the list that was loaded. */
  follow(entity: string, cursor: string): void {
    this.#followed.add(entity, cursor);
    if (!this.tabs.leads) this.tabs.send({ kind: 'follow', entities: { [entity]: cursor } });
  }

  /** Tells this page and the other tabs what is new. */
  publish(changes: readonly RecordChange[]): void {
    this.#tell(changes, 'backend');
    this.#tellTabs(changes);
  }

  noteOutcome(outcome: Outcome<unknown>): void {
    if (outcome.kind === 'later') {
      if (outcome.offline) this.#setConnection('offline');
      return;
    }
    this.#noteAdmitted(outcome.kind !== 'unauthorized');
    if (this.status.value.connection !== 'online') this.#reached();
    if (outcome.kind === 'answer' && outcome.status === 201 && !outcome.isReplayed) {
      const savedMs = Date.parse((outcome.body as { updated_at?: string } | null)?.updated_at ?? '');
      if (!Number.isNaN(savedMs)) this.#noteSkew(savedMs - Date.now());
    }
  }

  /** The user has signed in: what was held goes on, in all tabs. */
  resume(tellOthers = true): void {
    const wasShut = this.cache.isShut;
    this.cache.isShut = false;
    this.#set({ signedOut: false });
    if (wasShut) this.watchers.reload('void');
    this.sender.resume();
    this.#followed.hurry();
    if (tellOthers) this.tabs.send({ kind: 'signed in' });
  }

  /** Nothing is sent before resume(): who is signed in is not certain. */
  hold(): void {
    this.sender.hold(null, 'who is signed in is not known yet');
  }

  /** The user has signed out here: nothing is sent before resume(), and nothing but what is unsent is kept. */
  async signedOut(keepRecords: boolean, tellOthers = true): Promise<void> {
    this.sender.hold(null); // at once
    void this.transport.token().then((token) => this.sender.held && this.sender.hold(token), () => {});
    this.#set({ signedOut: true });
    if (keepRecords) return;
    this.cache.isShut = true;
    if (tellOthers) this.tabs.send({ kind: 'signed out' });
    this.#followed.forget();
    await this.cache.clear();
  }

  /** The browser's fetch, with sign-in and faults; what comes of it is noted as of the client's own requests. */
  async fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      const answer = await this.transport.fetch(path, init);
      if (offlineStatuses.has(answer.status)) this.#setConnection('offline');
      else if (answer.status === 401 && !new Headers(init.headers).has('Authorization')) this.#set({ signedOut: true });
      else if (this.status.value.connection !== 'online') this.#reached();
      return answer;
    } catch (error) {
      if (!init.signal?.aborted) this.#setConnection('offline');
      throw error;
    }
  }

  /** Faults are of the browser: all its tabs have the same. */
  setFaults(faults: Faults): void {
    this.transport.faults.set(faults);
    this.tabs.send({ kind: 'faults', faults });
  }

  sendNow(tellOthers = true): void {
    this.#followed.hurry();
    this.sender.sendNow();
    this.#probeSoon(0);
    if (tellOthers) this.tabs.send({ kind: 'send now' });
  }

  /** This tab has changed what waits, and not by sending: others look again, and what waited behind it goes on. */
  noteOutbox(): void {
    this.tabs.send({ kind: 'outbox' });
    this.sender.kick();
  }

  #noteFaults(faults: Faults): void {
    const wasOff = this.status.value.faults?.offline === true;
    this.#set({ faults: areOn(faults) ? faults : null });
    if (faults.offline) this.#setConnection('offline');
    else if (wasOff) this.sendNow(false);
  }

  #noteAdmitted(isAdmitted: boolean): void {
    this.#set({ signedOut: !isAdmitted || (this.sender.held && this.status.value.signedOut) });
  }

  #reached(): void {
    if (this.#followed.isRunning && !this.#followed.isCaughtUp) this.#followed.hurry();
    else if (this.tabs.leads || this.status.value.connection === 'offline') this.#setConnection('online');
  }

  #setConnection(connection: Status['connection']): void {
    if (this.#closed) return;
    const before = this.status.value.connection;
    this.sender.offline = connection === 'offline';
    this.#set({ connection });
    if (connection === 'offline') this.#probeSoon();
    if (connection === 'online' && before !== 'online') {
      this.sender.hurry();
      this.watchers.reload('return');
    }
    if (this.tabs.leads) this.#tellConnection();
  }

  // `isAdmitted`: what the stream, which only this tab has, was told of the sign-in.
  #tellConnection(isAdmitted?: boolean): void {
    this.tabs.send({ kind: 'connection', connection: this.status.value.connection, isAdmitted });
  }

  // Without a stream nothing would notice that the backend is back; nor when a request has failed and the stream has not.
  get #needsProbe(): boolean {
    return !this.#followed.isRunning || (this.#followed.isCaughtUp && this.status.value.connection === 'offline');
  }

  #probeSoon(afterMs = fullJitter(this.#probes++, this.limits.retryBaseMs * 2, this.limits.retryCapMs)): void {
    clearTimeout(this.#probeTimer);
    if (this.#closed || !this.#needsProbe) return;
    this.#probeTimer = setTimeout(async () => {
      const outcome = await this.transport.request('/version', { timeoutMs: this.limits.requestMs, isAnswer: (body) => !!(body as { version?: string } | null)?.version });
      if (this.#closed || !this.#needsProbe) return;
      if (outcome.kind === 'later') this.#setConnection('offline');
      else {
        this.#probes = 0;
        this.#setConnection('online');
      }
    }, afterMs);
  }

  #tellTabs(changes: readonly RecordChange[], entities: readonly string[] = [], cursor = ''): void {
    if (changes.length > 0 || entities.length > 0) this.tabs.send({ kind: 'records', changes, entities, cursor });
  }

  #tell(changes: readonly RecordChange[], source: Change['source']): void {
    if (this.#closed) return;
    const byEntity = new Map<string, string[]>();
    for (const { entity, id } of changes) {
      const ids = byEntity.get(entity);
      if (ids) ids.push(id);
      else byEntity.set(entity, [id]);
    }
    for (const [entity, ids] of byEntity) this.watchers.tell(entity, ids, source);
  }

  #outboxChanged(lanes: ReadonlySet<string>): void {
    const waiting = this.outbox.operations.filter(({ state }) => state === 'waiting');
    const oldestMs = waiting.reduce((oldest, { createdMs }) => Math.min(oldest, createdMs), Infinity);
    const oldest = this.status.value.oldestUnsent;
    this.#set({
      unsent: waiting.reduce((sum, { items }) => sum + items.length, 0),
      oldestUnsent: waiting.length === 0 ? null : oldest?.getTime() === oldestMs ? oldest : new Date(oldestMs),
      attention: this.outbox.operations.length - waiting.length,
      storage: this.outbox.storage,
    });
    const changes = [...lanes].map((lane) => {
      const slash = lane.indexOf('/');
      return { entity: lane.slice(0, slash), id: lane.slice(slash + 1) } as RecordChange;
    });
    this.#tell(changes, 'local');
    this.sender.noteElsewhere();
  }

  #lead(leads: boolean): void {
    this.sender.drains = leads;
    if (leads) {
      void this.#followed.start();
      void this.outbox.refresh().then(() => this.sender.kick());
      this.#tellConnection();
    } else void this.#followed.stop();
  }

  async #take(message: TabMessage): Promise<void> {
    switch (message.kind) {
      case 'records':
        this.#tell(this.cache.absorb(message.changes), 'backend');
        for (const entity of message.entities) {
          if (positionOf(message.cursor) > positionOf(this.cache.cursor(entity) ?? '')) this.cache.noteCursor(entity, message.cursor);
          this.#followed.noteCursor(entity, message.cursor);
        }
        return;
      case 'outbox':
        if (message.discarded) this.sender.noteDiscarded(message.discarded);
        await this.outbox.refresh();
        return this.sender.kick();
      case 'follow':
        if (!this.tabs.leads) return;
        for (const [entity, cursor] of Object.entries(message.entities)) this.#followed.add(entity, cursor);
        if (this.status.value.faults) this.tabs.send({ kind: 'faults', faults: this.status.value.faults });
        return this.#tellConnection();
      case 'connection':
        if (this.tabs.leads) return;
        if (message.isAdmitted != null) this.#noteAdmitted(message.isAdmitted);
        return this.#setConnection(message.connection as Status['connection']);
      case 'signed out':
        return this.signedOut(false, false);
      case 'signed in':
        return this.resume(false);
      case 'faults':
        return this.transport.faults.set(message.faults);
      case 'send now':
        return this.sendNow(false);
      case 'cleared':
        return this.#forgetHere();
      case 'leads':
        this.tabs.send({ kind: 'follow', entities: this.#followed.wanted() });
        await this.#reread();
        return;
      case 'reread':
        await this.#reread();
        return;
    }
  }

  // What other tabs wrote is in the storage; this one may not have heard of it.
  async #reread(): Promise<string[]> {
    const entities = await this.cache.rehydrate();
    await this.outbox.refresh();
    for (const entity of entities) this.watchers.tell(entity, [...this.ids(entity)], 'backend');
    return entities;
  }

  async #forget(): Promise<void> {
    await this.cache.clear();
    this.tabs.send({ kind: 'cleared' });
    await this.#forgetHere();
  }

  async #forgetHere(): Promise<void> {
    await this.cache.clear();
    this.#followed.forget();
    this.watchers.reload('void');
    this.#probeSoon(0);
  }

  async #opened(lost: boolean): Promise<void> {
    if (lost) await this.cache.writeAgain();
    await this.outbox.promote();
    if (!lost) await this.#takeLateStorage();
    this.sender.kick();
  }

  // What was loaded before it was there, and what an older page left in it, become one.
  async #takeLateStorage(): Promise<void> {
    const entities = await this.#reread();
    if (entities.length > 0) await this.cache.writeAgain();
    for (const entity of entities) {
      const cursor = this.cache.cursor(entity);
      if (cursor) this.follow(entity, cursor);
    }
  }

  #noteSkew(skewMs: number): void {
    const far = Math.abs(skewMs) > this.limits.maxSkewMs;
    const shown = this.status.value.clockSkewMs;
    if (far !== (shown !== null)) this.#set({ clockSkewMs: far ? skewMs : null });
  }

  #set(changes: Partial<Status>): void {
    const now = { ...this.status.value, ...changes };
    const names = Object.keys(changes) as (keyof Status)[];
    if (names.every((name) => Object.is(now[name], this.status.value[name]))) return;
    const isShownAnew = now.signedOut !== this.status.value.signedOut;
    this.status.set({ ...now, warnings: warningsOf(now) });
    if (!isShownAnew) return;
    this.#showAnew();
    if (!now.signedOut) this.watchers.reload('return'); // what was refused meanwhile
  }

  // Signed out, nothing of the cache is shown, and signed in all of it.
  #showAnew(): void {
    for (const entity of this.watchers.entities) {
      this.watchers.tell(entity, [...new Set([...this.cache.rows(entity).keys(), ...this.ids(entity)])], 'cache');
    }
  }

  #listen(): void {
    if (typeof globalThis.addEventListener !== 'function') return;
    const on = (target: EventTarget, name: string, call: (event: Event) => void) => {
      target.addEventListener(name, call);
      this.#unlisten.push(() => target.removeEventListener(name, call));
    };
    on(globalThis, 'online', () => {
      this.#followed.hurry();
      this.sender.hurry();
      this.#probeSoon(0);
    });
    on(globalThis, 'offline', () => this.#setConnection('offline'));
    on(globalThis, 'pageshow', (event) => void ((event as PageTransitionEvent).persisted && this.#reread()));
    if (typeof document !== 'undefined') on(document, 'resume', () => void this.#reread());
  }
}
