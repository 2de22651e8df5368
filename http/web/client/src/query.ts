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

/**
 * Whether a record belongs to the answer. `surely`: only what cannot be otherwise, whatever the types of the columns are, which
 * are not known here.
 */
export function matcher(info: EntityInfo, query: Query, surely = false): (row: Row) => boolean {
  const tests: ((row: Row) => boolean)[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || name === 'sort' || name === 'limit' || name === 'cursor') continue;
    const values = (Array.isArray(value) ? value : [value]).map(text);
    if (name === 'search') {
      const term = fold(values[0] ?? '');
      tests.push((row) => !surely && (info.search ?? []).some((field) => fold(text(row[field])).includes(term)));
    } else tests.push(fieldTest(info, name, values, surely));
  }
  return (row) => tests.every((test) => test(row));
}

// A filter, a field, or another spelling of one.
const columnOf = (info: EntityInfo, name: string): string => info.filters?.[name] ?? info.aliases?.[name] ?? name;

function fieldTest(info: EntityInfo, name: string, values: string[], surely: boolean): (row: Row) => boolean {
  const [, parameter, operator] = /^(.*?)(?:\[(gte|gt|lte|lt|ne)\])?$/s.exec(name)!;
  const field = columnOf(info, parameter!);
  const holds = (value: unknown, bound: string) => {
    if (!operator) return text(value) === bound;
    if (operator === 'ne') return text(value) !== bound;
    if (isNothing(value)) return false;
    const order = typeof value === 'number' ? value - Number(bound) : compareText(text(value), bound);
    return operator === 'gte' ? order >= 0 : operator === 'gt' ? order > 0 : operator === 'lte' ? order <= 0 : order < 0;
  };
  const bounds = values.map((bound) => ({ ...readings(bound), bound }));
  return (row) => {
    const value = row[field];
    const kind = kindOf(value);
    // Text may look like a moment: then the server takes the bound as it is.
    const isSure = (bound: string) => field in row && holds(value, bound);
    return bounds.some((one) => holds(value, one[kind] || one.bound) && (!surely || isSure(one.bound)));
  };
}

const moment = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i;

type Kind = 'number' | 'boolean' | 'day' | 'time' | 'moment' | 'bound';

// What a column holds, as a value of it tells.
function kindOf(value: unknown): Kind {
  if (typeof value === 'number' || typeof value === 'boolean') return typeof value as Kind;
  const shown = text(value);
  return /^\d{4}-\d\d-\d\d$/.test(shown) ? 'day' : /^\d\d:\d\d:\d\d$/.test(shown) ? 'time' : moment.test(shown) ? 'moment' : 'bound';
}

// A bound in the one form that the server gives values of each kind; a moment's is UTC, to the microsecond.
function readings(bound: string): Partial<Record<Kind, string>> {
  const given = bound.trim();
  const [, day, time, fraction = '', zone = ''] = moment.exec(given) ?? [];
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  return {
    number: given && `${Number(given)}`,
    boolean: { 1: 'true', 0: 'false' }[given] ?? given,
    day: day ?? given,
    time: given.length === 5 ? `${given}:00` : given,
    moment: ms === ms ? `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0').slice(0, 6)}Z` : given,
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
  const keys = asked.map((key) => ({ field: columnOf(info, key.replace(/^-/, '')), down: key.startsWith('-') }));
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
