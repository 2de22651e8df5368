// What records look like, as this server has it: read from its /openapi.json, so that an entity that somebody adds with
// `--entities` appears by itself. The last answer is remembered, so that the console opens without a backend too.
import { signal } from '@preact/signals';
import type { EntityInfo } from '../../../client/src/entity.ts';
import { remember, remembered } from '../app/remembered.ts';
import { api, baseUrl } from './api.ts';

export type FieldKind = 'text' | 'number' | 'integer' | 'boolean' | 'date' | 'time' | 'timestamp' | 'object' | 'array';

export interface FieldDefinition {
  name: string;
  title: string;
  description?: string;
  kind: FieldKind;
  required: boolean;
  unique: boolean;
  /** The only values that are taken. */
  options?: readonly string[];
  maxLength?: number;
  default?: unknown;
}

export interface EntityDefinition {
  name: string;
  title: string;
  description: string;
  prefix: string;
  fields: readonly FieldDefinition[];
  /** Query parameter → field. */
  filters: Readonly<Record<string, string>>;
  search: readonly string[];
  /** `['-created_at']` */
  order: readonly string[];
  /** The natural key, the field that holds the branch, and the object that takes what has no field; '' for none. */
  key: string;
  branch: string;
  rest: string;
  aliases: Readonly<Record<string, string>>;
  /** Columns of the older system's CSV → field, and the column that tells such a file. */
  csv: { key: string; columns: Readonly<Record<string, string>> } | null;
}

interface Published {
  entities: readonly EntityDefinition[];
  routes: readonly string[];
}

/** The fields that every record has besides those of its definition. */
export const bookkeepingFields: readonly FieldDefinition[] = [
  { name: 'id', title: 'Id', kind: 'text', required: true, unique: true },
  { name: 'version', title: 'Version', kind: 'integer', required: true, unique: false },
  { name: 'position', title: 'Position', kind: 'integer', required: true, unique: true },
  { name: 'created_at', title: 'Created', kind: 'timestamp', required: true, unique: false },
  { name: 'updated_at', title: 'Updated', kind: 'timestamp', required: true, unique: false },
];

const rememberedAs = `definitions ${baseUrl}`;
const published = signal<Published>(stored() ?? { entities: [], routes: [] });

/** In the order of their titles. Follow it by reading `.value`. */
export const definitions = (): readonly EntityDefinition[] => published.value.entities;
export const definitionOf = (entity: string): EntityDefinition | undefined =>
  published.value.entities.find(({ name }) => name === entity);
/** Whether this server has a route: `/api/admin/overview`. An older one may not. */
export const hasRoute = (path: string): boolean => published.value.routes.includes(path);

export const fieldOf = (definition: EntityDefinition, name: string): FieldDefinition | undefined =>
  definition.fields.find((field) => field.name === name) ?? bookkeepingFields.find((field) => field.name === name);

/** What people call a record: its title field, or its id. */
export function titleOf(definition: EntityDefinition, record: Readonly<Record<string, unknown>>): string {
  const text = record[definition.search[0] ?? ''];
  return typeof text === 'string' && text.trim() !== '' ? text : String(record['id']);
}

/** Lists can be ordered and compared by it. */
export const isOrdered = ({ kind }: FieldDefinition): boolean => kind !== 'object' && kind !== 'array';

/** The parameter that asks for a field's value: `reference` for `reference_number`. */
export function filterParameter(definition: EntityDefinition, field: string): string | undefined {
  return Object.keys(definition.filters).find((parameter) => definition.filters[parameter] === field);
}

/** Returns when they are known: at once when they are remembered. Throws when they are not and the server is away. */
export async function loadDefinitions(): Promise<void> {
  const asking = ask();
  if (published.value.entities.length === 0) await asking;
  else void asking.catch(() => {});
}

async function ask(): Promise<void> {
  const made = readDocument(await api<OpenApi>('/openapi.json'));
  if (JSON.stringify(made) === JSON.stringify(published.value)) return;
  published.value = made;
  remember(rememberedAs, made);
}

function stored(): Published | null {
  const made = remembered(rememberedAs) as Published | null;
  return Array.isArray(made?.entities) && Array.isArray(made.routes) ? made : null;
}

/** What the client library must know of each. */
export function entityInfos(): Record<string, EntityInfo> {
  return Object.fromEntries(published.value.entities.map((entity) => [entity.name, infoOf(entity)]));
}

export function infoOf(entity: EntityDefinition): EntityInfo {
  const info: EntityInfo = {
    prefix: entity.prefix,
    aliases: { ...entity.aliases },
    filters: { ...entity.filters },
    search: entity.search,
    order: entity.order,
    objects: entity.fields.filter(({ kind }) => kind === 'object').map(({ name }) => name),
  };
  if (entity.key) info.key = entity.key;
  return info;
}

// ---- the document

interface PropertySource {
  type?: string;
  format?: string;
  title?: string;
  description?: string;
  enum?: string[];
  maxLength?: number;
  default?: unknown;
}
interface DefinitionSource {
  title?: string;
  description?: string;
  required?: string[];
  properties?: Record<string, PropertySource>;
  [extension: `x-${string}`]: unknown;
}
interface OpenApi {
  paths?: Record<string, unknown>;
  components?: { schemas?: Record<string, { 'x-definition'?: DefinitionSource }> };
}

const schemaPrefix = 'record.';

function readDocument(document: OpenApi): Published {
  const entities: EntityDefinition[] = [];
  for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
    const source = schema['x-definition'];
    if (name.startsWith(schemaPrefix) && source) entities.push(readDefinition(name.slice(schemaPrefix.length), source));
  }
  entities.sort((left, right) => left.title.localeCompare(right.title));
  return { entities, routes: Object.keys(document.paths ?? {}) };
}

function readDefinition(name: string, source: DefinitionSource): EntityDefinition {
  const required = new Set(source.required ?? []);
  const unique = new Set((source['x-unique'] as string[] | undefined) ?? []);
  return {
    name,
    title: source.title ?? name,
    description: source.description ?? '',
    prefix: (source['x-prefix'] as string | undefined) ?? '',
    fields: Object.entries(source.properties ?? {}).map(([field, property]) => readField(field, property, required, unique)),
    filters: (source['x-filters'] as Record<string, string> | undefined) ?? {},
    search: (source['x-search'] as string[] | undefined) ?? [],
    order: (source['x-order'] as string[] | undefined) ?? ['-created_at'],
    key: (source['x-key'] as string | undefined) ?? '',
    branch: (source['x-branch'] as string | undefined) ?? '',
    rest: (source['x-rest'] as string | undefined) ?? '',
    aliases: (source['x-aliases'] as Record<string, string> | undefined) ?? {},
    csv: (source['x-csv'] as EntityDefinition['csv'] | undefined) ?? null,
  };
}

function readField(name: string, property: PropertySource, required: Set<string>, unique: Set<string>): FieldDefinition {
  const field: FieldDefinition = {
    name,
    title: property.title ?? name,
    kind: kindOf(property),
    required: required.has(name),
    unique: unique.has(name),
  };
  if (property.description) field.description = property.description;
  if (property.enum) field.options = property.enum;
  if (property.maxLength) field.maxLength = property.maxLength;
  if (property.default !== undefined) field.default = property.default;
  return field;
}

function kindOf({ type, format }: PropertySource): FieldKind {
  if (type === 'number' || type === 'integer' || type === 'boolean' || type === 'object' || type === 'array') return type;
  return format === 'date' ? 'date' : format === 'time' ? 'time' : format === 'date-time' ? 'timestamp' : 'text';
}
