// What was changed here and is not acknowledged. Written down before it is sent, so that a crash loses nothing; in the
// browser's storage where there is one, else in memory. `operations` is this tab's copy: the storage is the truth, and
// every step that counts looks there.
import type { IDBPObjectStore } from 'idb';
import { putRecords, type Cache, type RecordChange } from './cache.js';
import type { Database, Schema, StorageState } from './database.js';
import type { Limits } from './limits.js';
import { requestOf, type Draft, type Operation } from './operation.js';
import { OutboxFullError } from './problem.js';

/** What becomes of an operation that has been answered. */
export interface Settlement {
  /** Takes its place; [] when it is done. Each has its seq. */
  replace: Operation[];
  records: RecordChange[];
  /** Changes an operation that comes later for the same record; the same object when there is nothing to change. */
  adjust: (later: Operation) => Operation;
}

type OperationStore = IDBPObjectStore<Schema, ['operations'], 'operations', 'readwrite'>;

const memoryStart = 2 ** 40; // behind everything that the storage numbers

export class Outbox {
  operations: readonly Operation[] = [];
  /** Called when `operations` is another list, with the records that it is another one for. */
  onChange: (lanes: ReadonlySet<string>) => void = () => {};
  /** Called with the key of an operation that was given up and is about to leave `operations`. */
  onDiscard: (key: string) => void = () => {};
  #byLane = new Map<string, Operation[]>();
  #memory: Operation[] = [];
  #stored: Operation[] = [];
  #nextInMemory = memoryStart;
  #overrides = new Map<number, { was: Operation; replace: Operation[] }>(); // settled, but the storage could not be told
  #last: Promise<void> = Promise.resolve();
  #refreshing: Promise<void> | undefined; // waits for its turn
  #sending = new Set<string>(); // keys of those that this tab has claimed
  #lost = false; // the storage was taken away, and has not been given again what it held

  constructor(
    private readonly database: Database,
    private readonly cache: Cache,
    private readonly limits: Limits,
    private readonly tab: string,
  ) {}

  /** Whether what waits outlives this page. */
  get storage(): StorageState {
    const state = this.database.state.value;
    const isLoose = this.#memory.length > 0 || (this.#lost && this.operations.length > 0);
    return isLoose && state === 'durable' ? 'memory' : state;
  }

  // One step after the other: a list that was read before a step must not replace what the step made of it.
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(step);
    this.#last = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  /** Reads the storage again. Many ask, when several tabs save: what has not begun serves them all. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#inTurn(() => {
      this.#refreshing = undefined;
      return this.#read();
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    if (this.#lost) return; // empty, or not there: this tab's copy is all there is
    await this.#tellStorage();
    const stored = await this.database.run((handle) => handle.transaction('operations').store.getAll());
    if (stored) this.#stored = stored.flatMap((one) => this.#overrides.get(one.seq)?.replace ?? [one]);
    this.#publish();
  }

  /** Keeps them, all or none. Answers them as they are kept. */
  add(drafts: readonly Draft[]): Promise<Operation[]> {
    return this.#inTurn(() => this.#add(drafts));
  }

  async #add(given: readonly Draft[]): Promise<Operation[]> {
    const lease = { tab: this.tab, untilMs: Date.now() + this.limits.firstTryMs };
    const drafts = given.map((draft): Draft => ({ ...draft, lease }));
    if (this.operations.length + drafts.length > this.limits.maxUnsent) throw new OutboxFullError(this.limits.maxUnsent);
    const lanes = new Set(drafts.flatMap((draft) => draft.lanes));
    const behindMemory = this.#memory.some((operation) => operation.lanes.some((lane) => lanes.has(lane)));
    const inMemory = behindMemory || this.#lost;
    let kept = inMemory ? undefined : await this.#store(drafts);
    if (!kept && !inMemory && this.database.state.value === 'full') {
      await this.cache.clearStored(); // the backend has all that
      kept = await this.#store(drafts);
    }
    if (kept) this.#stored = [...this.#stored, ...kept];
    else {
      kept = drafts.map((draft) => ({ ...draft, seq: this.#nextInMemory++ }));
      this.#memory = [...this.#memory, ...kept];
    }
    this.#publish();
    return kept;
  }

  /** Until promote() has written them again, the storage is not asked what waits. */
  storageLost(): void {
    this.#lost = true;
  }

  /** Those in memory go to the storage when it is there (again); after a loss all of them. */
  promote(): Promise<void> {
    return this.#inTurn(() => this.#promote());
  }

  async #promote(): Promise<void> {
    const lost = this.#lost;
    const waiting = lost ? [...this.#stored, ...this.#memory] : this.#movable();
    if (!this.database.isOpen || (waiting.length === 0 && !lost)) return;
    const kept = await this.#store(waiting.map(({ seq: _seq, lease: _lease, ...draft }) => draft));
    if (!kept) return;
    if (lost) {
      this.#overrides.clear(); // the numbers are given anew
      this.#lost = false;
    }
    const moved = new Set(kept.map(({ key }) => key));
    this.#memory = this.#memory.filter(({ key }) => !moved.has(key));
    await this.#read();
  }

  // Of those in memory: not what is being sent, nor what comes after it for the same record, which would overtake it.
  #movable(): Operation[] {
    const staying = new Set<string>();
    return this.#memory.filter(({ key, lanes }) => {
      const stays = this.#sending.has(key) || lanes.some((lane) => staying.has(lane));
      if (stays) for (const lane of lanes) staying.add(lane);
      return !stays;
    });
  }

  /** The first operation of each record, as far as this tab knows, that no other tab is sending. */
  ready(nowMs: number): Operation[] {
    const taken = new Set<string>();
    return this.operations.filter((operation) => {
      const first = operation.lanes.every((lane) => !taken.has(lane));
      for (const lane of operation.lanes) taken.add(lane);
      return first && operation.state === 'waiting' && !this.#isLeased(operation, nowMs);
    });
  }

  /** Marks it as being sent by this tab. Null when it is not its turn, another tab has it, or it was given up and is gone now. */
  claim(operation: Operation, nowMs: number): Promise<Operation | null> {
    return this.#inTurn(() => this.#claim(operation, nowMs));
  }

  async #claim(operation: Operation, nowMs: number): Promise<Operation | null> {
    if (operation.seq >= memoryStart || this.#lost) return this.#claimInMemory(operation);
    const lease = { tab: this.tab, untilMs: nowMs + this.limits.leaseMs };
    let isGivenUp = false;
    const claimed = await this.#change(async (store) => {
      const stored = await store.get(operation.seq);
      if (stored?.key !== operation.key || stored.state !== 'waiting' || this.#isLeased(stored, nowMs)) return null;
      isGivenUp = stored.givenUp ?? false;
      if (isGivenUp) {
        await store.delete(stored.seq); // whoever tried it last is gone
        return null;
      }
      if (!(await isFirst(store, stored))) return null;
      const mine: Operation = { ...stored, lease };
      await store.put(mine);
      return mine;
    });
    if (claimed === null && isGivenUp) this.#dropHere(operation);
    if (claimed) {
      this.#sending.add(claimed.key);
      this.#replaceHere(operation, [claimed]);
    }
    if (claimed !== undefined) return claimed;
    // The storage cannot take the mark. Sending goes on: if another tab does the same, it is the same request.
    return this.#claimInMemory(operation);
  }

  /** It was not answered: it waits again. */
  release(operation: Operation, changes: Partial<Operation> = {}): Promise<void> {
    const { lease: _lease, ...free } = operation;
    return this.swap(operation, { ...free, ...changes });
  }

  /** Puts others, or nothing, in its place. */
  swap(operation: Operation, ...replace: Operation[]): Promise<void> {
    return this.settle(operation, { replace, records: [], adjust: (later) => later });
  }

  /**
   * Takes away what waits. What is being tried stays until that attempt has ended, and is not tried again. False when it does
   * not wait any more, or that could not be written down.
   */
  discard(key: string, nowMs: number): Promise<boolean> {
    return this.#inTurn(() => this.#discard(key, nowMs));
  }

  async #discard(key: string, nowMs: number): Promise<boolean> {
    if (this.#lost) return false; // every tab has a copy, and will write it again
    await this.#tellStorage();
    const operation = this.find(key);
    if (operation?.state !== 'waiting') return false;
    const left = operation.seq >= memoryStart ? this.#leftOf(operation, nowMs) : await this.#discardInStorage(operation, nowMs);
    if (!left) return false;
    if (!left[0]) this.onDiscard(key);
    this.#replaceHere(operation, left);
    return true;
  }

  // What stays of an operation that is given up.
  #leftOf(operation: Operation, nowMs: number): Operation[] {
    return this.#isLeased(operation, nowMs) ? [{ ...operation, givenUp: true }] : [];
  }

  // Null: it does not wait any more; undefined: the storage failed.
  #discardInStorage(operation: Operation, nowMs: number): Promise<Operation[] | null | undefined> {
    return this.#change(async (store) => {
      const stored = await store.get(operation.seq);
      if (stored?.key !== operation.key || stored.state !== 'waiting') return null;
      const left = (await isFirst(store, stored)) ? this.#leftOf(stored, nowMs) : []; // behind another nobody tries it
      await store.delete(stored.seq);
      for (const one of left) await store.put(one);
      return left;
    }, 'strict');
  }

  #dropHere(operation: Operation): void {
    this.onDiscard(operation.key);
    this.#replaceHere(operation, []);
  }

  /**
   * All of the settlement at once, if the operation is still there as it was; the records in any case. Nothing takes the place
   * of one that was given up meanwhile.
   */
  settle(operation: Operation, settlement: Settlement): Promise<void> {
    return this.#inTurn(() => this.#settle(operation, settlement));
  }

  async #settle(given: Operation, { replace: meant, records, adjust }: Settlement): Promise<void> {
    this.#sending.delete(given.key);
    const here = this.find(given.key) ?? given;
    const moved = here.seq - given.seq; // after a loss the storage gave the numbers anew
    const operation = { ...given, seq: here.seq };
    let isGivenUp = here.givenUp;
    let replace: Operation[] = isGivenUp ? [] : meant.map((one) => ({ ...one, seq: one.seq + moved }));
    if (operation.seq >= memoryStart) {
      const lanes = new Set(operation.lanes);
      this.cache.absorb(records); // before the operation goes: what it showed must not flicker
      this.#memory = this.#memory.map((one) =>
        one.seq > operation.seq && one.lanes.some((lane) => lanes.has(lane)) ? adjust(one) : one,
      );
      if (isGivenUp && meant[0]) this.onDiscard(given.key);
      this.#replaceHere(operation, replace);
      await this.cache.store(records);
      return this.#promote(); // what waited behind it
    }
    if (!this.#lost) await this.#tellStorage();
    const swapped = this.#lost || this.#overrides.has(operation.seq) ? undefined : await this.#settleInStorage(operation, { replace, records, adjust });
    if (swapped?.isGivenUp) [isGivenUp, replace] = [true, []];
    if (!swapped) this.#overrides.set(operation.seq, { was: operation, replace });
    this.cache.absorb(records);
    // When the storage failed, what is settled stays so while this page lives, and its repetition does no harm.
    this.#stored = this.#stored.flatMap((one) => (one.key === operation.key ? replace : (swapped?.changed.get(one.seq) ?? [one])));
    if (isGivenUp && meant[0]) this.onDiscard(given.key);
    this.#publish();
  }

  // What later operations of the same records have become; undefined: the storage failed.
  #settleInStorage(operation: Operation, { replace, records, adjust }: Settlement): Promise<{ changed: Map<number, Operation[]>; isGivenUp: true | undefined } | undefined> {
    return this.database.run(async (handle) => {
      // What the sender makes of an answer it can be told again: the request has its key. What a person decided it cannot.
      const work = handle.transaction(['operations', 'records'], 'readwrite', { durability: operation.state === 'waiting' ? 'relaxed' : 'strict' });
      const changed = new Map<number, Operation[]>();
      const operations = work.objectStore('operations');
      return whole(work, async () => {
        const now = await operations.get(operation.seq);
        let isGivenUp: true | undefined;
        if (now?.key === operation.key && now.generation === operation.generation && now.state === operation.state) {
          isGivenUp = now.givenUp;
          for (const lane of operation.lanes) {
            for (const later of await operations.index('lanes').getAll(lane)) {
              const adjusted = later.seq > operation.seq ? adjust(later) : later;
              if (adjusted === later) continue;
              await operations.put(adjusted);
              changed.set(later.seq, [adjusted]);
            }
          }
          await operations.delete(operation.seq);
          if (!isGivenUp) for (const one of replace) await operations.put(one);
        }
        if (!this.cache.isShut) await putRecords(work.objectStore('records'), records);
        return { changed, isGivenUp };
      });
    });
  }

  async #tellStorage(): Promise<void> {
    for (const [seq, { was, replace }] of this.#overrides) {
      const isGivenUp = await this.#change(async (store) => {
        const now = await store.get(seq);
        if (now?.key !== was.key || now.generation !== was.generation) return false;
        await store.delete(seq);
        if (!now.givenUp) for (const one of replace) await store.put(one);
        return now.givenUp ?? false;
      });
      if (isGivenUp != null) this.#overrides.delete(seq);
      if (isGivenUp && replace[0]) this.onDiscard(was.key);
    }
  }

  // By any tab, this one too.
  #isHeld(operation: Operation, nowMs: number): boolean {
    const left = (operation.lease?.untilMs ?? 0) - nowMs;
    return left > 0 && left <= this.limits.leaseMs; // longer: the clock was set back
  }

  #isLeased(operation: Operation, nowMs: number): boolean {
    return this.#sending.has(operation.key) || (operation.lease?.tab !== this.tab && this.#isHeld(operation, nowMs));
  }

  #claimInMemory(operation: Operation): Operation | null {
    if (this.#sending.has(operation.key)) return null;
    const stored = this.find(operation.key);
    if (!stored || stored.state !== 'waiting') return null;
    if (stored.givenUp) {
      this.#dropHere(stored);
      return null;
    }
    const before = this.operations.slice(0, this.operations.indexOf(stored));
    if (before.some((one) => one.lanes.some((lane) => stored.lanes.includes(lane)))) return null;
    this.#sending.add(stored.key);
    return stored;
  }

  #store(drafts: readonly Draft[]): Promise<Operation[] | undefined> {
    return this.#change(async (store) => {
      const kept: Operation[] = [];
      for (const draft of drafts) {
        const there = await store.index('key').get(draft.key);
        const seq = there?.seq ?? (await store.add(draft as Operation));
        kept.push({ ...draft, seq });
      }
      return kept;
    }, 'strict', 'grows');
  }

  // One transaction over what waits; undefined: the storage failed. strict: a power cut does not undo it.
  #change<T>(use: (store: OperationStore) => Promise<T>, durability?: 'strict', effect?: 'grows'): Promise<T | undefined> {
    return this.database.run(async (handle) => {
      const work = handle.transaction('operations', 'readwrite', { durability: durability ?? 'relaxed' });
      return whole(work, () => use(work.store));
    }, effect);
  }

  #replaceHere(operation: Operation, replace: readonly Operation[]): void {
    const swap = (list: Operation[]) => list.flatMap((one) => (one.seq === operation.seq && one.key === operation.key ? replace : [one]));
    this.#stored = swap(this.#stored);
    this.#memory = swap(this.#memory);
    this.#publish();
  }

  #publish(): void {
    const before = new Set(this.operations);
    this.operations = [...this.#stored, ...this.#memory];
    const changed = new Set<string>();
    this.#byLane.clear();
    for (const operation of this.operations) {
      const known = before.delete(operation);
      for (const lane of operation.lanes) {
        if (!known) changed.add(lane);
        const lined = this.#byLane.get(lane);
        if (lined) lined.push(operation);
        else this.#byLane.set(lane, [operation]);
      }
    }
    for (const operation of before) for (const lane of operation.lanes) changed.add(lane);
    if (changed.size > 0) this.onChange(changed);
  }

  /** What waits for a record, in order. */
  ofLane(lane: string): readonly Operation[] {
    return this.#byLane.get(lane) ?? [];
  }

  find(key: string): Operation | undefined {
    return this.operations.find((operation) => operation.key === key);
  }

  /** Everything that is not acknowledged, for a file (whose names are quoted: they stay): with the request that would have been sent. */
  export(): { operations: (Operation & { request: ReturnType<typeof requestOf> })[] } {
    return { 'operations': this.operations.map((operation) => ({ ...operation, request: requestOf(operation) })) };
  }
}

// Of all that waits for its records.
async function isFirst(store: OperationStore, { seq, lanes }: Operation): Promise<boolean> {
  const firsts = await Promise.all(lanes.map((lane) => store.index('lanes').getKey(lane)));
  return firsts.every((first) => first === seq);
}

// All that `use` writes, or nothing of it.
async function whole<T>(work: { done: Promise<void>; abort(): void }, use: () => Promise<T>): Promise<T> {
  try {
    const answer = await use();
    await work.done;
    return answer;
  } catch (error) {
    work.done.catch(() => {}); // `error` says why
    try {
      work.abort();
    } catch {
      // It is over already.
    }
    throw error;
  }
}
