// The records of one entity, as a page uses them: saved to the backend first, kept here when it cannot be reached, live.
import { fromAnswer } from './cache.js';
import type { Change, Core } from './core.js';
import { canonicalFields, type Row, type StoredRow } from './entity.js';
import { uuid7 } from './ids.js';
import { LiveView } from './live_view.js';
import { changesOf, patchTo } from './merge.js';
import { draft, laneOf, written, type Draft, type Item } from './operation.js';
import { RefusedError, UnreachableError, type Problem } from './problem.js';
import { comparator, isWhole, matcher, queryKey, type Query } from './query.js';
import type { Verdict } from './sender.js';
import { isRecord } from './settlement.js';
import { callSafely } from './signal.js';
import type { Outcome, RequestOptions } from './transport.js';

export interface Loaded<R> {
  rows: R[];
  /** 'cache': the backend could not be reached, and these are the rows that are known here. */
  source: 'backend' | 'cache';
  /** When the backend answered this query; null: never here. */
  asOf: Date | null;
}

export interface Got<R> {
  record: R | null;
  source: 'backend' | 'cache';
}

export interface Saved<R> {
  /** The record as it is now: the backend's, or what it will be when it is sent. */
  record: R;
  /** outbox: not sent yet, see `warning`. attention: refused and kept, see `problem`. */
  stored: 'backend' | 'outbox' | 'attention';
  warning?: string;
  problem?: Problem;
  /** The change's name in `sync.attention`, `retry`, `resolve`, `discard`; '' when nothing had to be sent. */
  key: string;
}

export interface SavedAll {
  count: number;
  /** Records that were not sent, because nothing in them has changed. */
  unchanged: number;
  stored: 'backend' | 'outbox' | 'attention';
  unsent: number;
  problems: { key: string; problem: Problem }[];
  warning?: string;
}

export interface SaveOptions {
  /** keep (unless told): what is refused is kept in `sync.attention`. throw: the caller has it still, and gets a RefusedError. */
  refused?: 'keep' | 'throw';
}

export interface Version {
  version: number;
  position: number;
  action: string;
  actor: string;
  recorded_at: string;
  changes: { path: string; from: unknown; to: unknown }[];
}

/** For pages that keep their own rows: a long list that is read page by page. */
export interface Watcher {
  /** Something new is known of these records, whatever query they belong to. Heard from the first load of the collection on. */
  onChange(ids: readonly string[], source: Change['source']): void;
  /** void: all that was loaded is of another history, or too old. return: the backend can be reached again, or has admitted somebody. */
  onReload(why: 'void' | 'return'): void;
}

export type LiveCallback<R> = (rows: R[], change: Change) => void;

const kept = 'The backend cannot be reached. The change is kept here and sent later.';
const warningFor = (reason: string, isSignedOut = false) =>
  reason === 'discarded' ? 'Discarded.' : isSignedOut || reason === 'sign in' ? 'Signed out. The change is kept here and sent after the next sign-in.' : kept;

export class Collection<R extends Row = Row> {
  constructor(private readonly core: Core, readonly name: string) {}

  /** The backend's answer, or what is known here. Throws RefusedError when the query is wrong or one must sign in. */
  async load(query: Query = {}): Promise<Loaded<R>> {
    await this.core.cache.hydrate(this.name);
    const key = queryKey(query);
    const path = `/api/${this.name}${key ? `?${key}` : ''}`;
    const outcome = await this.#ask<StoredRow[]>(path, { timeoutMs: this.core.limits.loadMs, isAnswer: Array.isArray });
    if (outcome.kind === 'later') {
      const asOfMs = this.core.cache.asOf(this.name, key);
      return { rows: this.#cached(query), source: 'cache', asOf: asOfMs === undefined ? null : new Date(asOfMs) };
    }
    const now = Date.now();
    const cursor = outcome.headers.get('Sync-Position') ?? '0';
    const matches = isWhole(query) ? matcher(this.core.info(this.name), query, true) : null;
    const isFollowed = this.core.isFollowed(this.name);
    const isAnew = await this.core.cache.applyList(this.name, key, outcome.body, cursor, matches, now, isFollowed);
    this.core.follow(this.name, cursor);
    if (isAnew) this.core.watchers.reload('void', this.name);
    return { rows: this.#answered(query, outcome.body), source: 'backend', asOf: new Date(now) };
  }

  /** One record; null when there is none. Throws UnreachableError when nobody can tell. */
  async get(id: string): Promise<Got<R>> {
    await this.core.cache.hydrate(this.name);
    const { cache } = this.core;
    const held = cache.position(this.name, id);
    const outcome = await this.#ask<StoredRow>(`/api/${this.name}/${encodeURIComponent(id)}`, { timeoutMs: this.core.limits.requestMs, isAnswer: isRecord }, [404]);
    if (outcome.kind === 'later') {
      const record = this.core.shown(this.name, id);
      const isKnown = !this.core.status.value.signedOut && cache.rows(this.name).has(id);
      if (!record && !isKnown) throw new UnreachableError(outcome.reason);
      return { record: record as R | null, source: 'cache' };
    }
    const now = Date.now();
    const isThere = outcome.kind === 'answer';
    await cache.apply(isThere ? [fromAnswer(this.name, outcome.body, now)] : cache.goneSince(this.name, id, held, now));
    return { record: this.core.shown(this.name, id) as R | null, source: 'backend' };
  }

  /** A new record; one without an id gets it here. */
  add(record: Partial<R> | Row, options: SaveOptions = {}): Promise<Saved<R>> {
    return this.save(record, options);
  }

  /**
   * Creates the record or merges its fields into the one that exists: the one with its id or, without an id, its natural key.
   * A record that carries the `version` it was read with sends what was changed in it, and never overwrites what others
   * changed since.
   */
  async save(record: Partial<R> | Row, options: SaveOptions = {}): Promise<Saved<R>> {
    await this.core.cache.hydrate(this.name);
    const item = this.#itemOf(record, this.#idsByKey());
    const stands = this.#unsaid(item);
    if (stands) return { record: stands as R, stored: 'backend', key: '' };
    return this.#submit(isChange(item) ? 'update' : 'save', item, options);
  }

  /** Merges the fields into a record; null clears one. Says so when others changed the same fields meanwhile. */
  async update(id: string, fields: Partial<R> | Row, options: SaveOptions = {}): Promise<Saved<R>> {
    await this.core.cache.hydrate(this.name);
    const base = this.core.shown(this.name, id);
    const item: Item = {
      id,
      fields: canonicalFields(this.core.info(this.name), fields),
      base,
      version: this.core.cache.row(this.name, id)?.version ?? null,
      madeId: false,
      byKey: false,
    };
    return this.#submit('update', item, options);
  }

  /** Deletes a record. One that is not there is deleted. */
  async remove(id: string, options: SaveOptions = {}): Promise<Saved<R>> {
    await this.core.cache.hydrate(this.name);
    const base = this.core.shown(this.name, id);
    return this.#submit('remove', { id, fields: {}, base, version: null, madeId: false, byKey: false }, options);
  }

  /** Saves a page's whole list. Only records that differ from what is known here are sent, many in a request. */
  async saveAll(records: readonly (Partial<R> | Row)[]): Promise<SavedAll> {
    await this.core.cache.hydrate(this.name);
    const items = new Map<string, Item>();
    const given = new Map<string, Row>();
    const byKey = this.#idsByKey();
    let unchanged = 0;
    for (const record of records) {
      const item = this.#itemOf(record, byKey);
      const twin = given.get(item.id);
      const row = { ...twin, ...record };
      if (!twin && this.#saysNothing(item)) ++unchanged;
      else {
        given.set(item.id, row);
        items.set(item.id, twin ? this.#itemOf({ ...row, id: item.id }, byKey) : item);
      }
    }
    const all = [...items.values()];
    const drafts = [...this.#bulks(all.filter(isChange), true), ...this.#bulks(all.filter((item) => !isChange(item)), false)];
    const operations = await this.core.outbox.add(drafts);
    this.core.noteOutbox();
    const verdicts = await Promise.all(operations.map((operation) => this.core.sender.send(operation)));
    return summary(records.length, unchanged, operations.map(({ items: sent }) => sent.length), verdicts);
  }

  /**
   * Calls back with the rows of a query now and whenever they change, from here or from anywhere. Returns the function that
   * ends it. `onError`: the backend refuses the query.
   */
  live(query: Query, callback: LiveCallback<R>, onError?: (error: Error) => void): () => void {
    const view = new LiveView(this.core.info(this.name), query);
    let ended = false;
    let loading = false;
    let isLoaded = false; // by the backend: else the cache may lack rows of this query
    let again: 'void' | 'return' | undefined; // what came while it was loading: rows that it has taken in may be dropped since
    const emit = (ids: readonly string[], source: Change['source']) => {
      if (!ended) callSafely(() => callback(view.rows as R[], { ids, source }));
    };
    const take = (ids: Iterable<string>, source: Change['source'], always = false) => {
      const changed = view.update(ids, (id) => this.core.shown(this.name, id));
      if (changed.length > 0 || always) emit(changed, source);
      if (view.lacks) void load();
    };
    const all = () => new Set([...view.ids, ...this.core.ids(this.name)]);
    const load = async () => {
      if (loading || ended) return;
      loading = true;
      try {
        const { source } = await this.load(query);
        isLoaded = source === 'backend';
        take(all(), source, true);
      } catch (error) {
        if (onError) callSafely(() => onError(error as Error));
        else callSafely(() => { throw error; });
      } finally {
        loading = false;
        const isDue = again === 'void' || (again === 'return' && !isLoaded);
        again = undefined;
        if (isDue) void load();
      }
    };
    const stop = this.watch({
      onChange: (ids, source) => !ended && take(ids, source),
      onReload: (why) => {
        if (loading) again = again === 'void' ? again : why;
        else if (why === 'void' || !isLoaded) void load();
      },
    });
    void this.core.cache.hydrate(this.name).then(() => {
      take(all(), 'cache');
      void load();
    });
    return () => {
      ended = true;
      stop();
    };
  }

  /** Every version of a record, oldest first. Only the backend knows. */
  async history(id: string): Promise<Version[]> {
    const outcome = await this.#ask<Version[]>(`/api/${this.name}/${encodeURIComponent(id)}/history`, { timeoutMs: this.core.limits.loadMs });
    if (outcome.kind === 'later') throw new UnreachableError(outcome.reason);
    return outcome.body;
  }

  /** Tells of every record of this collection that changes, from here or from anywhere. Returns the function that ends it. */
  watch(watcher: Watcher): () => void {
    return this.core.watchers.add(this.name, watcher);
  }

  /** A record as far as it is known here, with what waits for it; null: not known, or gone. */
  known(id: string): R | null {
    return this.core.shown(this.name, id) as R | null;
  }

  /** Whether something waits to be sent for this record. */
  isUnsent(id: string): boolean {
    return this.core.outbox.ofLane(laneOf(this.name, id)).some(({ state }) => state === 'waiting');
  }

  // An answer, or no answer; a refusal is thrown unless its status is expected.
  async #ask<T>(path: string, options: RequestOptions): Promise<Extract<Outcome<T>, { kind: 'answer' | 'later' }>>;
  async #ask<T>(path: string, options: RequestOptions, expected: number[]): Promise<Exclude<Outcome<T>, { kind: 'unauthorized' }>>;
  async #ask<T>(path: string, options: RequestOptions, expected: number[] = []): Promise<Outcome<T>> {
    const outcome = await this.core.transport.request<T>(path, options);
    this.core.noteOutcome(outcome);
    if (outcome.kind === 'unauthorized') throw new RefusedError(outcome.problem);
    if (outcome.kind === 'refused' && !expected.includes(outcome.status)) throw new RefusedError(outcome.problem);
    return outcome;
  }

  #itemOf(given: Row, byKey: (key: unknown) => string | undefined): Item {
    const info = this.core.info(this.name);
    const fields = canonicalFields(info, given);
    const id = typeof given['id'] === 'string' && given['id'] !== '' ? given['id'] : byKey(info.key === undefined ? undefined : fields[info.key]);
    const madeId = id === undefined;
    const item: Item = {
      id: id ?? `${info.prefix ? `${info.prefix}-` : ''}${uuid7()}`,
      fields,
      base: null,
      version: null,
      madeId,
      byKey: false,
    };
    if (madeId) return item;
    const shown = this.core.shown(this.name, item.id);
    const version = typeof given['version'] === 'number' ? given['version'] : null;
    if (version === null) return { ...item, base: shown };
    const base = shown && shown['version'] === version ? shown : null;
    return { ...item, base, version, fields: base ? patchTo(base, fields) : fields };
  }

  // Natural key → id, of what is known here. Looks at the rows when the first key is asked for.
  #idsByKey(): (key: unknown) => string | undefined {
    const { key: field } = this.core.info(this.name);
    let ids: Map<unknown, string> | undefined;
    const read = () => {
      ids = new Map();
      for (const id of this.core.ids(this.name)) {
        const key = this.core.shown(this.name, id)?.[field!];
        if (key) ids.set(key, id);
      }
      return ids;
    };
    return (key) => (field === undefined || !key ? undefined : (ids ?? read()).get(key));
  }

  // Nothing in it differs from what is shown here.
  #saysNothing(item: Item): boolean {
    return item.base !== null && Object.keys(changesOf(item.base, item.fields)).length === 0;
  }

  // The record that stands, when an item that was read from it changes nothing.
  #unsaid(item: Item): Row | null {
    return item.version !== null && this.#saysNothing(item) && !this.isUnsent(item.id) ? item.base : null;
  }

  #bulks(items: Item[], patch: boolean): Draft[] {
    const drafts: Draft[] = [];
    const size = this.core.limits.bulkItems;
    for (let begin = 0; begin < items.length; begin += size) {
      const part = items.slice(begin, begin + size);
      const made = draft(uuid7(), this.name, part.length > 1 ? 'bulk' : patch ? 'update' : 'save', part, Date.now());
      drafts.push(made.kind === 'bulk' && patch ? { ...made, patch } : made);
    }
    return drafts;
  }

  async #submit(kind: 'save' | 'update' | 'remove', item: Item, options: SaveOptions): Promise<Saved<R>> {
    const [operation] = await this.core.outbox.add([draft(uuid7(), this.name, kind, [item], Date.now())]);
    this.core.noteOutbox();
    const verdict = await this.core.sender.send(operation!);
    const meant = { id: item.id, ...written(kind === 'update', { ...item.base }, item.fields) } as Row as R;
    const shown = () => (this.core.shown(this.name, item.id) ?? meant) as R;
    const own = operation!.key;
    if (verdict.stored === 'backend') return { record: (verdict.records[0] as Row | undefined as R) ?? shown(), stored: 'backend', key: own };
    if (verdict.stored === 'outbox') return { record: shown(), stored: 'outbox', warning: warningFor(verdict.reason, this.core.status.value.signedOut), key: own };
    const { key, problem } = verdict.problems[0]!;
    if (options.refused === 'throw') {
      const refused = this.core.outbox.find(key);
      if (refused) await this.core.outbox.swap(refused);
      this.core.noteOutbox();
      throw new RefusedError(problem);
    }
    return { record: meant, stored: 'attention', problem, key };
  }

  #cached(query: Query): R[] {
    const view = new LiveView(this.core.info(this.name), query);
    view.update(this.core.ids(this.name), (id) => this.core.shown(this.name, id));
    return view.rows as R[];
  }

  // The backend decides what matches; what was changed here meanwhile shows in it.
  #answered(query: Query, answered: readonly StoredRow[]): R[] {
    const info = this.core.info(this.name);
    const matches = matcher(info, query);
    const listed = new Set(answered.map(({ id }) => id));
    const rows = answered.map(({ id }) => this.core.shown(this.name, id)).filter((row) => row !== null);
    const own = this.core.outbox.operations
      .filter(({ entity, state }) => entity === this.name && state === 'waiting')
      .flatMap(({ items }) => items.map(({ id }) => id));
    const added = [...new Set(own)]
      .map((id) => (listed.has(id) ? null : this.core.shown(this.name, id)))
      .filter((row): row is Row => row !== null && matches(row));
    const all = [...rows, ...added];
    return (added.length > 0 ? all.sort(comparator(info, query)) : all) as R[];
  }
}

// What a page changed in a record whose state it read is known here. So it cannot undo what it did not see, whatever waits before it.
const isChange = ({ base, version }: Item): boolean => base !== null && version !== null;

function summary(count: number, unchanged: number, sizes: number[], verdicts: Verdict[]): SavedAll {
  const problems = verdicts.flatMap((verdict) => (verdict.stored === 'attention' ? verdict.problems : []));
  const unsent = sizes.reduce((sum, size, index) => sum + (verdicts[index]!.stored === 'outbox' ? size : 0), 0);
  const stored = problems.length > 0 ? 'attention' : unsent > 0 ? 'outbox' : 'backend';
  const waiting = verdicts.find((verdict) => verdict.stored === 'outbox');
  const result: SavedAll = { count: count - unchanged, unchanged, stored, unsent, problems };
  return waiting?.stored === 'outbox' ? { ...result, warning: warningFor(waiting.reason) } : result;
}
