// The list's query, answered from the cache: the server's filters, ranges, search and order over rows in memory.
import type { EntityInfo, Row } from './entity.js';

export type Scalar = string | number | boolean | null;
/** Parameters of a list, as the server takes them: `{ branch: ['north', 'east'], 'date[gte]': '2026-01-01', sort: '-date' }`. */
export type Query = Record<string, Scalar | readonly Scalar[] | undefined>;
export type Comparator = (left: Row, right: Row) => number;

const maxLimit = 10_000;
const text = (value: unknown) => (value === null || value === undefined ? '' : String(value));

/** The query as text, the same for the same question. */
export function queryKey(query: Query): string {
  return new URLSearchParams(queryPairs(query)).toString();
}

export function queryPairs(query: Query): [string, string][] {
  return Object.keys(query)
    .sort()
    .flatMap((name) => {
      const value = query[name];
      if (value === undefined) return [];
      return (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, text(one)]);
    });
}

/** Lower case without accents; the server folds a little more (it knows more scripts). */
export const fold = (value: string) => value.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase();

/** Whether rows in memory can tell which belong to the answer: not where it is cut. */
export const isWhole = (query: Query) => query['limit'] === undefined && query['cursor'] === undefined;

export function matcher(info: EntityInfo, query: Query): (row: Row) => boolean {
  const tests: ((row: Row) => boolean)[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || name === 'sort' || name === 'limit' || name === 'cursor') continue;
    const values = (Array.isArray(value) ? value : [value]).map(text);
    if (name === 'search') {
      const term = fold(values[0] ?? '');
      tests.push((row) => (info.search ?? []).some((field) => fold(text(row[field])).includes(term)));
    } else tests.push(fieldTest(info, name, values));
  }
  return (row) => tests.every((test) => test(row));
}

function fieldTest(info: EntityInfo, name: string, values: string[]): (row: Row) => boolean {
  const [, parameter, operator] = /^(.*?)(?:\[(gte|gt|lte|lt|ne)\])?$/s.exec(name)!;
  const field = info.filters?.[parameter!] ?? parameter!;
  if (!operator) return (row) => values.includes(text(row[field]));
  const bound = values[0] ?? '';
  if (operator === 'ne') return (row) => text(row[field]) !== bound;
  return (row) => {
    const value = row[field];
    if (value === null || value === undefined) return false;
    const order = typeof value === 'number' ? value - Number(bound) : compareText(text(value), bound);
    return operator === 'gte' ? order >= 0 : operator === 'gt' ? order > 0 : operator === 'lte' ? order <= 0 : order < 0;
  };
}

const compareText = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

const isNothing = (value: unknown) => value === null || value === undefined;

// No value is last when ascending; an empty text is a text.
function compareValues(left: unknown, right: unknown): number {
  if (isNothing(left) || isNothing(right)) return isNothing(left) === isNothing(right) ? 0 : isNothing(left) ? 1 : -1;
  return typeof left === 'number' && typeof right === 'number' ? left - right : compareText(text(left), text(right));
}

/** The server's order: the keys, then id in the direction of the last. */
export function comparator(info: EntityInfo, query: Query): Comparator {
  const asked = query['sort'] === undefined ? (info.order ?? ['-created_at']) : text(query['sort']).split(',');
  const keys = asked.map((key) => ({ field: key.replace(/^-/, ''), down: key.startsWith('-') }));
  if (!keys.some(({ field }) => field === 'id')) keys.push({ field: 'id', down: keys.at(-1)?.down ?? false });
  return (left, right) => {
    for (const { field, down } of keys) {
      const order = compareValues(left[field], right[field]);
      if (order !== 0) return down ? -order : order;
    }
    return 0;
  };
}

export function limitOf(query: Query): number {
  const limit = query['limit'] === undefined ? Infinity : Number(query['limit']);
  return limit <= maxLimit ? limit : query['limit'] === undefined ? Infinity : maxLimit;
}
