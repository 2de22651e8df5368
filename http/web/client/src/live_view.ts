// One query on a page, kept in order while records change. Every change makes a new array; the rows in it are not to be
// written to.
import type { EntityInfo, Row } from './entity.js';
import { comparator, isWhole, limitOf, matcher, type Comparator, type Query } from './query.js';

const rebuildFrom = 500; // so many changes at once are sorted together instead of one by one

export class LiveView {
  readonly #matches: (row: Row) => boolean;
  readonly #compare: Comparator;
  readonly #limit: number;
  #members = new Map<string, Row>();
  #sorted: Row[] = [];
  #wasFull = false;

  constructor(readonly info: EntityInfo, readonly query: Query) {
    this.#matches = matcher(info, query);
    this.#compare = comparator(info, query);
    this.#limit = limitOf(query);
  }

  get rows(): Row[] {
    return this.#limit === Infinity ? this.#sorted : this.#sorted.slice(0, this.#limit);
  }

  get ids(): string[] {
    return [...this.#members.keys()];
  }

  /** Rows left a result that is cut at a limit: what comes behind them is not known here. */
  get lacks(): boolean {
    if (isWhole(this.query)) return false;
    const full = this.#sorted.length >= this.#limit;
    const lacks = this.#wasFull && !full;
    this.#wasFull = full;
    return lacks;
  }

  /** Takes what the records named are now; answers which of them are, or were, in the result and differ. */
  update(ids: Iterable<string>, shown: (id: string) => Row | null): string[] {
    const changed: string[] = [];
    const out = new Set<Row>();
    const added: Row[] = [];
    for (const id of new Set(ids)) { // what is shown may be another object each time
      const row = shown(id);
      const now = row && this.#matches(row) ? row : undefined;
      const before = this.#members.get(id);
      if (now === before) continue;
      changed.push(id);
      if (before) out.add(before);
      if (now) {
        this.#members.set(id, now);
        added.push(now);
      } else this.#members.delete(id);
    }
    if (changed.length > rebuildFrom) this.#sorted = [...this.#members.values()].sort(this.#compare);
    else if (changed.length > 0) {
      this.#sorted = out.size > 0 ? this.#sorted.filter((row) => !out.has(row)) : [...this.#sorted];
      for (const row of added) this.#sorted.splice(this.#placeOf(row), 0, row);
    }
    return changed;
  }

  #placeOf(row: Row): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#sorted[middle]!, row) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
