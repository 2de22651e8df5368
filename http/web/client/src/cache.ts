// The backend's records as far as they are known here: in memory for the page, and in the browser's storage for the next
// one. A record only ever becomes newer: whatever comes late, from a list, a stream or an answer, it is the position that
// counts. Losing all of it loses nothing that was not acknowledged.
import type { Database, Handle, StoredCursor, StoredRecord } from './database.js';
import type { StoredRow } from './entity.js';
import type { Limits } from './limits.js';
import { positionOf, type SyncEvent } from './stream.js';

export type RecordChange = StoredRecord;

const stores = ['records', 'cursors', 'queries'] as const;
const tombstoneMs = 600_000; // longer than any list is under way

// After this position and before the next one.
const behind = (position: number) => Math.floor(position) + 0.5;
const queriesOf = (entity: string) => IDBKeyRange.bound([entity, ''], [entity, '\uffff']);
const isNewer = (one: RecordChange, than: RecordChange | undefined) => !than || one.position > than.position;

/** A record as an answer or a list brought it. */
export function fromAnswer(entity: string, row: StoredRow, nowMs: number): RecordChange {
  return { entity, id: row.id, row, position: row.position, atMs: nowMs };
}

export function gone(entity: string, id: string, position: number, nowMs: number): RecordChange {
  return { entity, id, row: null, position, atMs: nowMs };
}

export function fromEvent(event: SyncEvent, nowMs: number): RecordChange {
  const row = event.action === 'deleted' ? null : event.data;
  return { entity: event.resource, id: event.id, row, position: event.position, atMs: nowMs };
}

/** Puts what is newer than what is there, within the caller's transaction. */
export async function putRecords(
  records: { get(key: [string, string]): Promise<RecordChange | undefined>; put(value: RecordChange): Promise<unknown> },
  changes: readonly RecordChange[],
): Promise<void> {
  await Promise.all(
    changes.map(async (change) => {
      if (isNewer(change, await records.get([change.entity, change.id]))) await records.put(change);
    }),
  );
}

export class Cache {
  #entities = new Map<string, Map<string, RecordChange>>();
  #hydrated = new Map<string, Promise<void>>();
  #cursors = new Map<string, string>();
  #asOf = new Map<string, number>(); // query → when the backend answered it
  #history = 0; // how often all of it was void
  #lags = false; // the storage lacks changes that memory has

  /** Told in the same step that takes them in: nothing can come between. */
  onNews: (news: RecordChange[]) => void = () => {};
  /**
   * The same when the storage has had its turn, with the cursor of the entities named: a tab that opens meanwhile finds them
   * there, or hears of them. Not of what is void by then.
   */
  onStored: (news: RecordChange[], entities: readonly string[], cursor: string) => void = () => {};

  /** Takes nothing in: its person has signed out, and what is still on its way must not be kept. */
  isShut = false;

  constructor(private readonly database: Database, private readonly limits: Limits) {}

  /** Reads what the storage has of an entity, once. */
  hydrate(entity: string): Promise<void> {
    let reading = this.#hydrated.get(entity);
    if (!reading) this.#hydrated.set(entity, (reading = this.#read(entity)));
    return reading;
  }

  /** What other tabs wrote while this one was frozen, or had no storage. */
  async rehydrate(): Promise<string[]> {
    const entities = [...this.#hydrated.keys()];
    for (const entity of entities) this.#hydrated.set(entity, this.#read(entity));
    await Promise.all(this.#hydrated.values());
    return entities;
  }

  /** Whoever follows an entity begins where the storage ends, if another tab did not come as far with it. */
  async lowerToStored(entity: string): Promise<void> {
    const stored = await this.database.run((handle) => handle.get('cursors', entity));
    if (stored) this.#lowerCursor(entity, stored.cursor);
  }

  rows(entity: string): Map<string, RecordChange> {
    let rows = this.#entities.get(entity);
    if (!rows) this.#entities.set(entity, (rows = new Map()));
    return rows;
  }

  row(entity: string, id: string): StoredRow | null {
    return (this.#entities.get(entity)?.get(id)?.row as StoredRow | undefined) ?? null;
  }

  /** The cursor up to which an entity's rows hold every change; undefined before its first load. */
  cursor(entity: string): string | undefined {
    return this.#cursors.get(entity);
  }

  asOf(entity: string, query: string): number | undefined {
    return this.#asOf.get(`${entity}?${query}`);
  }

  /** Into memory only; answers those that were news. */
  absorb(changes: readonly RecordChange[]): RecordChange[] {
    if (this.isShut) return [];
    return changes.filter((change) => {
      const rows = this.rows(change.entity);
      if (!isNewer(change, rows.get(change.id))) return false;
      rows.set(change.id, change);
      return true;
    });
  }

  noteCursor(entity: string, cursor: string): void {
    if (!this.isShut) this.#cursors.set(entity, cursor);
  }

  /** Into memory and the storage, with the cursor of the entities named. */
  async apply(changes: readonly RecordChange[], entities: readonly string[] = [], cursor = ''): Promise<void> {
    if (this.isShut) return;
    const news = this.absorb(changes);
    const moved = entities.filter((entity) => positionOf(cursor) > positionOf(this.#cursors.get(entity) ?? ''));
    for (const entity of moved) this.#cursors.set(entity, cursor);
    this.onNews(news);
    const history = this.#history;
    // With a cursor all of them: what is no news here may be news to the storage.
    const kept = entities.length > 0 ? changes : news;
    if (kept.length > 0 || moved.length > 0) await this.store(kept, moved.map((entity) => ({ entity, cursor })));
    if (history === this.#history) this.onStored(news, entities, cursor);
  }

  /** Into the storage only. */
  async store(changes: readonly RecordChange[], cursors: readonly StoredCursor[] = []): Promise<void> {
    if (this.isShut || !this.database.isOpen) return;
    // After a write that failed a newer cursor would say that the storage holds what it lacks: it begins with all there is,
    // or, where there is no room for that, with this.
    const anew = this.#lags;
    if (anew && this.database.state.value !== 'full') [changes, cursors] = this.#all();
    const done = await this.database.run(async (handle) => {
      const work = handle.transaction(stores, 'readwrite');
      const store = work.objectStore('cursors');
      if (anew) await Promise.all(stores.map((name) => work.objectStore(name).clear()));
      await Promise.all([
        putRecords(work.objectStore('records'), changes),
        ...cursors.map(async (one) => store.put(one)),
        work.done,
      ]);
      return true;
    }, changes.length > 0 ? 'grows' : 'other');
    this.#lags = !done;
  }

  #all(): [RecordChange[], StoredCursor[]] {
    const changes = [...this.#entities.values()].flatMap((rows) => [...rows.values()]);
    return [changes, [...this.#cursors].map(([entity, cursor]) => ({ entity, cursor }))];
  }

  /**
   * The answer to a query at `cursor`. With `matches` it is the whole answer: rows that matched here and are not in it have
   * moved away or are gone, at a position that is not known but behind the one they have. An entity that is far behind, with
   * no stream that brings the rest, is begun anew from it. Answers whether it was: then other queries lack rows.
   */
  async applyList(
    entity: string,
    query: string,
    rows: readonly StoredRow[],
    cursor: string,
    matches: ((row: StoredRow) => boolean) | null,
    nowMs: number,
    isFollowed: boolean,
  ): Promise<boolean> {
    if (this.isShut) return false;
    const position = positionOf(cursor);
    const isAnew = !isFollowed && this.#isFarBehind(entity, position);
    if (isAnew) await this.#beginAnew(entity, position);
    const listed = new Set(rows.map(({ id }) => id));
    const said = () => {
      const changes = rows.map((row) => fromAnswer(entity, row, nowMs));
      for (const { id, row, position: held } of this.rows(entity).values()) {
        if (row === null || listed.has(id) || held > position || !matches?.(row as StoredRow)) continue;
        changes.push(gone(entity, id, behind(held), nowMs));
      }
      return changes;
    };
    await (this.#cursors.has(entity) ? this.apply(said()) : this.#begin(entity, cursor, said));
    this.#asOf.set(`${entity}?${query}`, nowMs);
    await this.database.run((handle) => this.#noteQuery(handle, entity, query, nowMs));
    return isAnew;
  }

  /** 0: nothing is known of it. */
  position(entity: string, id: string): number {
    return this.rows(entity).get(id)?.position ?? 0;
  }

  /** Asked when it was held at `position`, the backend has no such record: it is gone, unless it is another one by now. */
  goneSince(entity: string, id: string, position: number, nowMs: number): RecordChange[] {
    return this.position(entity, id) === position ? [gone(entity, id, behind(position), nowMs)] : [];
  }

  /** Everything that was known is void: the backend has another history. */
  async clear(): Promise<void> {
    ++this.#history;
    this.#entities.clear();
    this.#cursors.clear();
    this.#asOf.clear();
    for (const entity of this.#hydrated.keys()) this.#hydrated.set(entity, Promise.resolve());
    await this.clearStored();
  }

  /** Makes room; memory keeps what it has. */
  async clearStored(): Promise<void> {
    await this.database.run(async (handle) => {
      const work = handle.transaction(stores, 'readwrite');
      await Promise.all([...stores.map((name) => work.objectStore(name).clear()), work.done]);
    });
  }

  /** After the storage came back empty, or came late. */
  writeAgain(): Promise<void> {
    return this.store(...this.#all());
  }

  // Nobody followed the entity for long: its rows are dropped, and come again with the next answers. Not those that are newer
  // than the answer that tells so: nobody tells them again.
  async #beginAnew(entity: string, position: number): Promise<void> {
    const rows = this.rows(entity);
    for (const [id, held] of rows) if (held.position <= position) rows.delete(id);
    this.#cursors.delete(entity);
    for (const key of this.#asOf.keys()) if (key.startsWith(`${entity}?`)) this.#asOf.delete(key);
    await this.database.run(async (handle) => {
      const work = handle.transaction(stores, 'readwrite');
      const records = work.objectStore('records');
      const keys = await records.index('entity').getAllKeys(entity);
      await Promise.all([
        ...keys.map((key) => records.delete(key)),
        putRecords(records, [...rows.values()]),
        work.objectStore('cursors').delete(entity),
        work.objectStore('queries').delete(queriesOf(entity)),
        work.done,
      ]);
    });
  }

  // The first answer of an entity. Since the storage was read another tab may have written to it, and died: what it left is
  // as old as the cursor beside it, and the answer's own cursor would say that it is as new as the answer.
  async #begin(entity: string, cursor: string, said: () => RecordChange[]): Promise<void> {
    const history = this.#history;
    let news: RecordChange[] | undefined;
    const take = (left: readonly RecordChange[], held: string | undefined) => {
      const found = this.absorb(left);
      const changes = this.absorb(said());
      this.#lowerCursor(entity, held ?? cursor);
      this.onNews((news = [...found, ...changes]));
      return changes;
    };
    await this.database.run(async (handle) => {
      const work = handle.transaction(['records', 'cursors'], 'readwrite');
      const [records, cursors] = [work.objectStore('records'), work.objectStore('cursors')];
      const [left, held] = await Promise.all([records.index('entity').getAll(entity), cursors.get(entity)]);
      if (this.isShut) return;
      const changes = take(left, held?.cursor);
      await Promise.all([putRecords(records, changes), held ?? cursors.put({ entity, cursor }), work.done]);
    }, 'grows');
    if (!news && !this.isShut) take([], undefined);
    if (news && history === this.#history) this.onStored(news, [], '');
  }

  // Of what two hold the older cursor counts: what happened between the two comes again.
  #lowerCursor(entity: string, cursor: string): void {
    const held = this.#cursors.get(entity);
    if (held === undefined || positionOf(cursor) < positionOf(held)) this.#cursors.set(entity, cursor);
  }

  #isFarBehind(entity: string, position: number): boolean {
    const held = this.#cursors.get(entity);
    return held !== undefined && position - positionOf(held) > this.limits.maxCatchUpEvents;
  }

  async #read(entity: string): Promise<void> {
    const old = Date.now() - tombstoneMs;
    await this.database.run(async (handle) => {
      const work = handle.transaction(stores);
      const [records, cursor, queries] = await Promise.all([
        work.objectStore('records').index('entity').getAll(entity),
        work.objectStore('cursors').get(entity),
        work.objectStore('queries').getAll(queriesOf(entity)),
      ]);
      this.absorb(records);
      if (cursor) this.#lowerCursor(entity, cursor.cursor);
      for (const { query, atMs } of queries) this.#asOf.set(`${entity}?${query}`, atMs);
      const dead = records.filter(({ row, atMs }) => row === null && atMs < old);
      if (dead.length > 0) await this.#drop(handle, dead);
    });
  }

  async #drop(handle: Handle, dead: readonly RecordChange[]): Promise<void> {
    const work = handle.transaction('records', 'readwrite');
    await Promise.all([...dead.map(({ entity, id }) => work.store.delete([entity, id])), work.done]);
  }

  async #noteQuery(handle: Handle, entity: string, query: string, atMs: number): Promise<void> {
    const work = handle.transaction('queries', 'readwrite');
    await work.store.put({ entity, query, atMs });
    const keys = await work.store.getAllKeys();
    if (keys.length > this.limits.maxQueries) {
      const oldest = (await work.store.getAll()).sort((left, right) => left.atMs - right.atMs).slice(0, -this.limits.maxQueries);
      await Promise.all(oldest.map((one) => work.store.delete([one.entity, one.query])));
    }
    await work.done;
  }
}
