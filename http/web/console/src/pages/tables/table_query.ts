// A table's view as it stands in the URL: search, filters, order, columns, moment.
import type { Row } from '../../../../client/src/entity.ts';
import type { Query } from '../../../../client/src/query.ts';
import {
  bookkeepingFields,
  fieldOf,
  filterParameter,
  isOrdered,
  type EntityDefinition,
  type FieldDefinition,
} from '../../data/definitions.ts';
import { widthOfText } from '../../ui/text_width.ts';
import { valueText } from '../../ui/value.tsx';

const ownParameters = new Set(['columns', 'search', 'sort', 'at']);

export type Operator = '' | 'ne' | 'gte' | 'gt' | 'lte' | 'lt';
const operatorWords: Readonly<Record<Operator, string>> = {
  '': 'is',
  ne: 'is not',
  gte: 'from',
  gt: 'above',
  lte: 'up to',
  lt: 'below',
};

const timeWords: Partial<Record<Operator, string>> = { gt: 'after', lte: 'until', lt: 'before' };
const timeKinds: readonly string[] = ['date', 'time', 'timestamp'];

/** As one says it of a field: a day is until, a number up to. */
export function wordsOf(field: FieldDefinition | undefined, operator: Operator): string {
  return (field && timeKinds.includes(field.kind) ? timeWords[operator] : undefined) ?? operatorWords[operator];
}

/** What a list can be asked of a field, the likeliest first. */
export function operatorsOf(definition: EntityDefinition, field: FieldDefinition): Operator[] {
  const all: Operator[] = filterParameter(definition, field.name) ? ['', 'ne', 'gte', 'lte', 'gt', 'lt'] : ['gte', 'lte', 'gt', 'lt', 'ne'];
  return all.filter((operator) => parameterOf(definition, field, operator) !== undefined);
}

export interface Filter {
  /** As in the URL: `branch`, `date[gte]`. */
  parameter: string;
  /** The field it is about; undefined: the definition has none, and the server will say so. */
  field: FieldDefinition | undefined;
  operator: Operator;
  /** Any of them. */
  values: readonly string[];
}

export function filtersOf(definition: EntityDefinition, params: URLSearchParams): Filter[] {
  const names = [...new Set(params.keys())].filter((name) => !ownParameters.has(name));
  return names.map((parameter) => {
    const [, name, operator] = /^(.*?)(?:\[(gte|gt|lte|lt|ne)\])?$/s.exec(parameter)!;
    const field = fieldOf(definition, definition.filters[name!] ?? name!);
    return { parameter, field, operator: (operator ?? '') as Operator, values: params.getAll(parameter) };
  });
}

/** The parameter that asks for it; undefined: a list cannot be asked so. */
export function parameterOf(definition: EntityDefinition, field: FieldDefinition, operator: Operator): string | undefined {
  if (operator === '') return filterParameter(definition, field.name);
  return isOrdered(field) ? `${field.name}[${operator}]` : undefined;
}

/** Fields that a list can be filtered by. */
export function filterableFields(definition: EntityDefinition): FieldDefinition[] {
  const all = [...definition.fields, ...bookkeepingFields.filter(({ name }) => name !== 'id')];
  return all.filter((field) => isOrdered(field) || filterParameter(definition, field.name) !== undefined);
}

/** What the list is asked, without limit and cursor. */
export function listQuery(params: URLSearchParams): Query {
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(params.keys())) {
    if (name === 'columns' || name === 'at') continue;
    const values = params.getAll(name);
    if (name === 'search' || name === 'sort') {
      if (values[0]) query[name] = values[0];
    } else query[name] = values.length === 1 ? values[0]! : values;
  }
  return query;
}

// ---- order

export interface SortKey {
  field: string;
  isDown: boolean;
}

export function sortOf(definition: EntityDefinition, params: URLSearchParams): SortKey[] {
  const keys = params.get('sort')?.split(',') ?? definition.order;
  return keys.filter((key) => key !== '').map((key) => ({ field: key.replace(/^-/, ''), isDown: key.startsWith('-') }));
}

/** Up, down, then as the definition has it. */
export function nextSort(definition: EntityDefinition, params: URLSearchParams, field: string): string | null {
  const [first] = sortOf(definition, params);
  if (first?.field !== field || !params.has('sort')) {
    // Where the definition's own order begins with this field, the other direction is the news.
    return first?.field === field && !first.isDown ? `-${field}` : field;
  }
  return first.isDown ? null : `-${field}`;
}

// ---- columns

const maxDefaultColumns = 9;
const paddingPx = 28;
const arrowPx = 18; // of the order, behind the name
const looked = 60; // rows
const leastPx = { lead: 190, other: 84 };
const mostPx = 300;

/** The field that a record is known by to people; its column comes first. */
export const leadField = (definition: EntityDefinition): string => definition.search[0] ?? definition.fields[0]?.name ?? 'id';

/** As wide as the name of the column and what stands in its first rows. */
export function widthOf(definition: EntityDefinition, field: FieldDefinition, rows: readonly Row[]): number {
  let widest = widthOfText(field.title) + arrowPx;
  for (const row of rows.slice(0, looked)) widest = Math.max(widest, widthOfText(valueText(field.kind, row[field.name])));
  const least = field.name === leadField(definition) ? leastPx.lead : leastPx.other;
  return Math.round(Math.min(mostPx, Math.max(least, widest + paddingPx)));
}

function ordered(definition: EntityDefinition, names: ReadonlySet<string>): FieldDefinition[] {
  const lead = leadField(definition);
  const all = [...definition.fields, ...bookkeepingFields];
  const first = all.filter(({ name }) => name === lead);
  return [...first, ...all.filter(({ name }) => name !== lead && names.has(name))];
}

export function defaultColumns(definition: EntityDefinition): string[] {
  const shown = definition.fields.filter(({ kind }) => kind !== 'object').map(({ name }) => name);
  return [...shown.slice(0, maxDefaultColumns), 'updated_at'];
}

export function columnsOf(definition: EntityDefinition, params: URLSearchParams, kept: readonly string[] | null): FieldDefinition[] {
  const asked = params.get('columns')?.split(',') ?? kept ?? defaultColumns(definition);
  return ordered(definition, new Set(asked));
}

// ---- for other programs

const quoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

/** A command that asks the same. The token is not in it. */
export function curlCommand(url: string, accept: string, isSignedIn: boolean): string {
  const signed = isSignedIn ? ` -H "Authorization: Bearer $SYNCLOG_TOKEN"` : '';
  return `curl -H ${quoted(`Accept: ${accept}`)}${signed} ${quoted(url)}`;
}
