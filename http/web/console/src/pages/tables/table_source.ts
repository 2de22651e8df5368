// The rows of one view of a table: read page by page as somebody scrolls, and kept right by the one stream of this browser.
// Read from the first row on, or backwards from the last one: in the reverse order, and shown reversed. The first page goes through the client library, which keeps it for when the backend is away; the pages behind it are
// held here only, so that a long list fills no storage.
import { signal } from '@preact/signals';
import type { Collection } from '../../../../client/src/collection.ts';
import type { EntityInfo, Row } from '../../../../client/src/entity.ts';
import { sameValue } from '../../../../client/src/merge.ts';
import { comparator, matcher, queryPairs, type Query } from '../../../../client/src/query.ts';
import { api, isAbort, queryOf, request, UnreachableError } from '../../data/api.ts';

export const firstPage = 200;
const mostFromCache = 10_000;
const pageSize = 2_000; // parsed between two frames; a cursor belongs to one size
const aheadRows = 1_500; // read this far before somebody gets there
export const maxRows = 200_000;
export const flashMs = 1_600;
const maxFlashes = 500; // more at once say nothing

export interface TableState {
  rows: readonly Row[];
  /** Nothing lies behind the rows. */
  isComplete: boolean;
  /** Before the first answer. */
  isFirstLoad: boolean;
  problem: unknown;
  /** cache: the backend is away, and these are the rows that are known here. */
  source: 'backend' | 'cache';
  asOf: Date | null;
  /** New rows that wait until somebody wants them. */
  waiting: number;
  /** The rows are the last ones: others lie before them. */
  isFromEnd: boolean;
}

export interface Flash {
  fields: ReadonlySet<string> | 'row';
  count: number;
  untilMs: number;
}

const start: TableState = { rows: [], isComplete: false, isFirstLoad: true, problem: null, source: 'backend', asOf: null, waiting: 0, isFromEnd: false };

export class TableSource {
  readonly state = signal<TableState>(start);
  readonly flashes = new Map<string, Flash>();
  /** Whether new rows come in by themselves: nobody has scrolled away from them. */
  isAtTop = true;
  #rows: Row[] = [];
  #byId = new Map<string, Row>();
  #waiting = new Map<string, Row>();
  #edge: Row | null = null; // of the pages read so far: others lie beyond it
  #cursor: string | null = null; // of the next page; null: from the beginning
  #isComplete = false;
  #isFromEnd = false;
  #reading: AbortController | null = null;
  #wanted = 0; // rows that somebody wants to see, from where they are read
  #underWay: Promise<void> | null = null; // pages are read one after the other
  #isLoading = false;
  #changedMeanwhile = new Set<string>(); // while an answer was on its way, which may not have seen it
  #generation = 0;
  #flashCount = 0;
  readonly #matches: (row: Row) => boolean;
  readonly #compare: (left: Row, right: Row) => number;
  readonly #unwatch: () => void;

  /** `at`: the table as it was then, which does not change. */
  constructor(
    private readonly collection: Collection,
    private readonly info: EntityInfo,
    private readonly query: Query,
    private readonly at: string | null,
  ) {
    this.#matches = matcher(info, query);
    this.#compare = comparator(info, query);
    this.#unwatch = at
      ? () => {}
      : collection.watch({
          onChange: (ids, source) => this.#changed(ids, source === 'local'),
          onReload: (why) => (why === 'void' || this.state.value.source === 'cache' || this.state.value.problem !== null) && void this.reload(),
        });
    void this.reload();
  }

  close(): void {
    ++this.#generation;
    this.#unwatch();
    this.#reading?.abort();
  }

  /** From the beginning; what is shown stays until the answer is here. */
  reload(): Promise<void> {
    const generation = this.#giveUp();
    this.#cursor = null;
    this.#isFromEnd = false;
    return this.at === null ? this.#loadFirst(generation) : this.#loadPast(generation);
  }

  /** The last rows in place of those that are there, unless all are there. Throws when they cannot be had: nothing changes then. */
  async toEnd(): Promise<void> {
    if (this.#isComplete || this.#isFromEnd || this.state.value.isFirstLoad) return;
    const generation = this.#giveUp();
    const reading = (this.#reading = new AbortController());
    this.#listenMeanwhile();
    try {
      const { page, next } = await this.#ask(reading.signal, null, true);
      if (generation !== this.#generation) return;
      this.#begin([]);
      this.#isFromEnd = true;
      this.#wanted = 0;
      this.#take(page, next);
    } catch (error) {
      if (generation === this.#generation && !isAbort(error)) throw error;
    } finally {
      this.#done(reading);
    }
  }

  /** Somebody looks at these rows. */
  want(first: number, last: number): void {
    this.#wanted = Math.max(this.#wanted, this.#isFromEnd ? this.#rows.length - first : last);
    void this.#keepReading();
  }

  /** Lets the new rows in. */
  showWaiting(): void {
    const rows = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const row of rows) this.#insert(row, true);
    this.#publish();
  }

  async #loadFirst(generation: number): Promise<void> {
    try {
      this.#listenMeanwhile();
      let { rows, source, asOf } = await this.collection.load({ ...this.query, limit: firstPage });
      // Without a backend: all that is known here.
      if (source === 'cache' && rows.length === firstPage) ({ rows, source, asOf } = await this.collection.load({ ...this.query, limit: mostFromCache }));
      if (generation !== this.#generation) return;
      this.#begin(rows);
      // A page that is not full is the last. Own changes that are not sent may have made it longer or shorter.
      this.#isComplete = source === 'cache' || (rows.length < firstPage && !rows.some(({ id }) => this.collection.isUnsent(String(id))));
      this.#edge = this.#isComplete ? null : (this.#rows.at(-1) ?? null);
      this.#catchUp();
      this.#publish({ isFirstLoad: false, problem: null, source, asOf });
      void this.#keepReading();
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#isLoading = false;
      this.#publish({ isFirstLoad: false, problem: error });
    }
  }

  async #loadPast(generation: number): Promise<void> {
    this.#begin([]);
    this.#isComplete = false;
    await this.#readPage(generation);
  }

  #begin(rows: readonly Row[]): void {
    this.#rows = [...rows];
    this.#byId = new Map(rows.map((row) => [String(row['id']), row]));
    this.#waiting.clear();
    this.#edge = null;
  }

  // What is on its way is of no use any more.
  #giveUp(): number {
    this.#reading?.abort();
    this.#reading = null;
    this.#underWay = null;
    return ++this.#generation;
  }

  // One at a time; who comes while it goes on waits for the same.
  #keepReading(): Promise<void> {
    if (this.#underWay) return this.#underWay;
    const reading = this.#readOn().finally(() => {
      if (this.#underWay === reading) this.#underWay = null;
    });
    return (this.#underWay = reading);
  }

  // Pages one after the other, as far as somebody looks.
  async #readOn(): Promise<void> {
    const generation = this.#generation;
    while (generation === this.#generation && !this.#isComplete && !this.#reading && this.state.value.problem === null) {
      // Many look at the first rows only.
      const ahead = this.#cursor === null ? firstPage / 2 : aheadRows;
      if (this.state.value.isFirstLoad || this.#rows.length >= Math.min(maxRows, this.#wanted + ahead)) return;
      await this.#readPage(generation);
    }
  }

  async #readPage(generation: number): Promise<void> {
    const reading = (this.#reading = new AbortController());
    this.#listenMeanwhile();
    try {
      const { page, next } = await this.#ask(reading.signal, this.#cursor, this.#isFromEnd);
      if (generation === this.#generation) this.#take(page, next);
    } catch (error) {
      if (generation !== this.#generation || isAbort(error)) return;
      // What is there stays; scrolling on asks again.
      if (this.#rows.length === 0) this.#publish({ isFirstLoad: false, problem: error });
      else if (!(error instanceof UnreachableError)) this.#publish({ problem: error });
      this.#wanted = 0;
    } finally {
      this.#done(reading);
    }
  }

  async #ask(signal: AbortSignal, cursor: string | null, isBackwards: boolean): Promise<{ page: Row[]; next: string | null }> {
    const query = isBackwards ? { ...this.query, sort: reversedSort(this.info, this.query) } : this.query;
    const params = new URLSearchParams(queryPairs(query));
    params.set('limit', String(pageSize));
    if (this.at !== null) params.set('at', this.at);
    if (cursor !== null) params.set('cursor', cursor);
    const answer = await request(`/api/${this.collection.name}${queryOf(params)}`, { signal });
    const page = (await answer.json()) as Row[];
    return { page, next: cursorOf(answer.headers.get('Link')) };
  }

  #take(page: readonly Row[], next: string | null): void {
    this.#cursor = next;
    this.#isComplete = next === null;
    this.#add(page);
    this.#catchUp();
    this.#publish({ isFirstLoad: false, problem: null, source: 'backend', asOf: new Date() });
  }

  #done(reading: AbortController): void {
    if (this.#reading !== reading) return;
    this.#reading = null;
    this.#isLoading = false;
  }

  #add(page: readonly Row[]): void {
    const news: Row[] = [];
    for (const answered of page) {
      const id = String(answered['id']);
      const row = this.at === null ? this.#newest(id, answered) : answered;
      if (row !== answered && !this.#matches(row)) continue;
      const held = this.#byId.get(id);
      if (held) {
        if (held !== row && positionOf(row) > positionOf(held)) this.#replace(held, row);
        continue;
      }
      if (this.#waiting.has(id)) continue;
      this.#byId.set(id, row);
      news.push(row);
    }
    this.#rows = this.#isFromEnd ? [...news.reverse(), ...this.#rows] : [...this.#rows, ...news];
    this.#edge = this.#isComplete ? null : (page.at(-1) ?? this.#edge);
  }

  // The stream may have told more than the page that was on its way.
  #newest(id: string, answered: Row): Row {
    const known = this.collection.known(id);
    if (known && (this.collection.isUnsent(id) || positionOf(known) > positionOf(answered))) return known;
    return answered;
  }

  #listenMeanwhile(): void {
    this.#isLoading = true;
    this.#changedMeanwhile.clear();
  }

  #catchUp(): void {
    this.#isLoading = false;
    for (const id of this.#changedMeanwhile) this.#changedOne(id, false);
    this.#changedMeanwhile.clear();
  }

  #changed(ids: readonly string[], isOwn: boolean): void {
    if (this.#isLoading) for (const id of ids) this.#changedMeanwhile.add(id);
    if (this.state.value.isFirstLoad) return;
    let isNews = false;
    for (const id of ids) isNews = this.#changedOne(id, isOwn) || isNews;
    if (isNews) this.#publish();
  }

  #changedOne(id: string, isOwn: boolean): boolean {
    const row = this.collection.known(id);
    const now = row && this.#matches(row) && this.#isWithin(row) ? row : null;
    const held = this.#byId.get(id);
    if (held) {
      if (held === now) return false;
      if (now) this.#replace(held, now);
      else this.#remove(held);
      return true;
    }
    const waited = this.#waiting.get(id);
    if (!now) return this.#waiting.delete(id);
    if (waited === now) return false;
    if (isOwn || this.isAtTop) {
      this.#waiting.delete(id);
      this.#insert(now, true);
    } else this.#waiting.set(id, now);
    return true;
  }

  // Rows beyond the last page come with the next.
  #isWithin(row: Row): boolean {
    if (this.#isComplete || this.#edge === null) return this.#isComplete;
    const order = this.#compare(row, this.#edge);
    return this.#isFromEnd ? order >= 0 : order <= 0;
  }

  #replace(held: Row, now: Row): void {
    const id = String(now['id']);
    const fields = Object.keys(now).filter((name) => !sameValue(held[name], now[name]));
    const at = this.#rows.indexOf(held);
    if (this.#compare(held, now) === 0) this.#rows[at] = now;
    else {
      this.#rows.splice(at, 1);
      this.#rows.splice(this.#placeOf(now), 0, now);
    }
    this.#byId.set(id, now);
    if (fields.length > 0) this.#flash(id, new Set(fields));
  }

  #remove(held: Row): void {
    this.#rows.splice(this.#rows.indexOf(held), 1);
    this.#byId.delete(String(held['id']));
  }

  #insert(row: Row, flashes: boolean): void {
    const id = String(row['id']);
    this.#rows.splice(this.#placeOf(row), 0, row);
    this.#byId.set(id, row);
    if (flashes) this.#flash(id, 'row');
  }

  #placeOf(row: Row): number {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#rows[middle]!, row) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #flash(id: string, fields: Flash['fields']): void {
    const now = performance.now();
    if (this.flashes.size >= maxFlashes) {
      for (const [old, { untilMs }] of this.flashes) if (untilMs < now) this.flashes.delete(old);
      if (this.flashes.size >= maxFlashes) return;
    }
    this.flashes.set(id, { fields, count: ++this.#flashCount, untilMs: now + flashMs });
  }

  #publish(changes: Partial<TableState> = {}): void {
    this.state.value = {
      ...this.state.value,
      rows: [...this.#rows],
      isComplete: this.#isComplete,
      waiting: this.#waiting.size,
      isFromEnd: this.#isFromEnd && !this.#isComplete,
      ...changes,
    };
  }
}

const positionOf = (row: Row): number => (typeof row['position'] === 'number' ? row['position'] : 0);

/** The same keys in the other direction: exactly the reverse order, also of those without a value and of ids. */
export function reversedSort(info: EntityInfo, query: Query): string {
  const keys = query['sort'] === undefined ? (info.order ?? ['-created_at']) : String(query['sort']).split(',');
  return keys.map((key) => (key.startsWith('-') ? key.slice(1) : `-${key}`)).join(',');
}

/** The cursor of the next page, of `Link: <…cursor=…>; rel="next"`. */
export function cursorOf(link: string | null): string | null {
  const url = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1];
  return url ? new URL(url, 'http://any').searchParams.get('cursor') : null;
}

/** How many records an entity has, where the server counts them; null: it does not. */
export async function countOf(entity: string): Promise<number | null> {
  const { entities } = await api<{ entities?: { entity: string; records: number }[] }>('/api/admin/overview');
  return entities?.find((one) => one.entity === entity)?.records ?? null;
}
