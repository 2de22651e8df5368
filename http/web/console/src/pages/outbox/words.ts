// How a change is called.
import type { Kind } from '../../../../client/src/operation.ts';
import { definitionOf, type EntityDefinition } from '../../data/definitions.ts';
import type { Row } from '../../../../client/src/entity.ts';
import { plainText } from '../../ui/text.ts';

export const kindWords: Record<Kind, string> = { save: 'save', update: 'change', remove: 'delete', bulk: 'save' };

export const tableTitle = (entity: string): string => definitionOf(entity)?.title ?? entity;

/** What a person knows a record by: the first of the fields that are searched, else its id. */
export function recordTitle(entity: string, id: string, ...rows: (Row | null)[]): string {
  const field = definitionOf(entity)?.search[0] ?? '';
  for (const row of rows) if (typeof row?.[field] === 'string' && row[field] !== '') return row[field] as string;
  return id;
}

export function fieldTitle(definition: EntityDefinition | undefined, path: readonly string[]): string {
  const [first, ...inner] = path as [string, ...string[]];
  return [definition?.fields.find(({ name }) => name === first)?.title ?? first, ...inner].join(' › ');
}

/** `Phone 081, City Here` */
export function fieldsText(entity: string, fields: Row): string {
  const definition = definitionOf(entity);
  return Object.entries(fields)
    .map(([name, value]) => `${fieldTitle(definition, [name])}: ${value === null ? 'nothing' : plainText(value)}`)
    .join(', ');
}
