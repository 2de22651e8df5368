// /openapi.json as this page wants it: operations in a row, references followed.
export interface Schema {
  $ref?: string;
  type?: string | readonly string[];
  format?: string;
  title?: string;
  description?: string;
  enum?: readonly unknown[];
  const?: unknown;
  default?: unknown;
  example?: unknown;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  'x-required-to-create'?: readonly string[];
}
export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  description?: string;
  required?: boolean;
  schema?: Schema;
  example?: unknown;
  style?: string;
}
type Content = Readonly<Record<string, { schema?: Schema }>>;
interface Answer {
  description: string;
  content?: Content;
}
export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  description: string;
  parameters: readonly Parameter[];
  body: Content | null;
  answers: readonly (Answer & { status: string })[];
}
export interface Group {
  name: string;
  description: string;
  operations: readonly Operation[];
}
export interface Reference {
  title: string;
  version: string;
  description: string;
  groups: readonly Group[];
  /** What a `#/components/…` points to, and everything else as it is. */
  resolve: <T extends { $ref?: string }>(given: T) => T;
}

interface OperationSource {
  operationId: string;
  tags?: readonly string[];
  summary?: string;
  description?: string;
  parameters?: readonly (Parameter & { $ref?: string })[];
  requestBody?: { content: Content };
  responses: Readonly<Record<string, Answer & { $ref?: string }>>;
}
export interface OpenApi {
  info: { title: string; version: string; description?: string };
  tags?: readonly { name: string; description?: string }[];
  paths: Readonly<Record<string, Readonly<Record<string, OperationSource>>>>;
  components?: unknown;
}

export function readReference(document: OpenApi): Reference {
  const resolve = <T extends { $ref?: string }>(given: T): T => {
    if (given.$ref === undefined) return given;
    const unescaped = given.$ref.split('/').slice(1).map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
    const found = unescaped.reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document);
    return (found ?? {}) as T;
  };
  const operations: Operation[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, source] of Object.entries(methods)) {
      operations.push({
        id: source.operationId,
        method: method.toUpperCase(),
        path,
        tag: source.tags?.[0] ?? 'other',
        summary: source.summary ?? '',
        description: source.description ?? '',
        parameters: (source.parameters ?? []).map(resolve),
        body: source.requestBody?.content ?? null,
        answers: Object.entries(source.responses).map(([status, answer]) => ({ ...resolve(answer), status })),
      });
    }
  }
  const named = document.tags ?? [];
  const names = [...new Set([...named.map(({ name }) => name), ...operations.map(({ tag }) => tag)])];
  return {
    title: document.info.title,
    version: document.info.version,
    description: document.info.description ?? '',
    groups: names
      .map((name) => ({
        name,
        description: named.find((tag) => tag.name === name)?.description ?? '',
        operations: operations.filter(({ tag }) => tag === name),
      }))
      .filter((group) => group.operations.length > 0),
    resolve,
  };
}

/** `string, date`, `array of clients`, `"north" | "south"` */
export function typeText(schema: Schema): string {
  if (schema.$ref) return schema.$ref.split('/').at(-1)!.replace(/^(record|input)\./, '');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.oneOf) return schema.oneOf.map(typeText).join(' or ');
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const words = types.filter((type) => type !== 'null').map((type) => (type === 'array' && schema.items ? `array of ${typeText(schema.items)}` : type));
  if (schema.format) words.push(schema.format);
  const bounds = [
    schema.minimum === undefined ? '' : `from ${schema.minimum}`,
    schema.maximum === undefined ? '' : `to ${schema.maximum}`,
    schema.maxLength === undefined ? '' : `at most ${schema.maxLength} characters`,
  ].filter((text) => text !== '');
  return [words.join(', ') || 'any value', ...bounds, ...(types.includes('null') ? ['or null'] : [])].join(' ');
}

const exampleFields = 4; // beside those that must be there
const notGiven = new Set(['id', 'expected_version', 'version', 'position', 'created_at', 'updated_at']);

/** Something to begin with in a body. */
export function exampleOf(given: Schema, { resolve }: Pick<Reference, 'resolve'>, depth = 0): unknown {
  const schema = resolve(given);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum.find((value) => value !== null) ?? null;
  if (schema.oneOf) return exampleOf(schema.oneOf[0]!, { resolve }, depth);
  const type = typeof schema.type === 'string' ? schema.type : (schema.type ?? []).find((each) => each !== 'null');
  switch (type) {
    case 'object': {
      if (depth > 2) return {};
      const fields = Object.entries(schema.properties ?? {});
      const must = new Set([...(schema.required ?? []), ...(schema['x-required-to-create'] ?? [])]);
      const some = fields.filter(([name]) => !must.has(name) && !notGiven.has(name)).slice(0, exampleFields);
      const chosen = fields.filter(([name]) => must.has(name)).concat(some);
      return Object.fromEntries(chosen.map(([name, field]) => [name, exampleOf(field, { resolve }, depth + 1)]));
    }
    case 'array':
      return [];
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return false;
    default:
      return stringExample(schema.format);
  }
}

function stringExample(format: string | undefined): string {
  if (format === 'date') return new Date().toISOString().slice(0, 10);
  if (format === 'time') return '09:00:00';
  return format === 'date-time' ? new Date().toISOString() : 'text';
}
