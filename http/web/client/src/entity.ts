// What the client must know of an entity, and the record that a page gives, in the names of the definition.
export type Row = Record<string, unknown>;
/** A record as the backend answers it. */
export type StoredRow = Row & { id: string; version: number; position: number; created_at: string; updated_at: string };

export interface EntityInfo {
  prefix?: string;
  /** Another name for a field → the field. */
  aliases?: Record<string, string>;
  /** Query parameter → field, where they differ. */
  filters?: Record<string, string>;
  search?: readonly string[];
  order?: readonly string[];
  /** The natural key: a record without an id is the one with the same key. */
  key?: string;
  /** Fields that hold an object: pages may give it as JSON text. */
  objects?: readonly string[];
}

/** `full_name phone` → `{ fullName: 'full_name', phone: 'phone' }` */
export const camelCased = (fields: string): Record<string, string> =>
  Object.fromEntries(fields.split(' ').map((field) => [field.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), field]));

export const bookkeeping: ReadonlySet<string> = new Set(['version', 'position', 'created_at', 'updated_at']);

/**
 * The fields of a page's record under the definition's names, without bookkeeping; objects parsed, and all of it as JSON says
 * it, so that what is kept, shown and sent is the same. Throws a TypeError that names the field which JSON cannot say.
 */
export function canonicalFields(info: EntityInfo, given: Row): Row {
  const fields: Row = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name === 'id' || bookkeeping.has(name)) continue;
    const field = Object.hasOwn(info.aliases ?? {}, name) ? info.aliases![name]! : name;
    if (field !== name && given[field] !== undefined) continue; // the field's own name wins
    const said = asJson(field, value);
    if (said === undefined) continue; // a function
    fields[field] = typeof said === 'string' && info.objects?.includes(field) ? parsedObject(said) : said;
  }
  return fields;
}

function asJson(field: string, value: unknown): unknown {
  try {
    const text: string | undefined = JSON.stringify(value);
    return text && JSON.parse(text);
  } catch (error) {
    throw new TypeError(`${field}: ${(error as Error).message}`);
  }
}

// Text that is no JSON goes to the server as it is, which says what is wrong with it.
function parsedObject(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `clients` → `Client`, `stock-requests` → `StockRequest`; plural: `Clients`, `StockRequests`. */
export function entityName(entity: string, form: 'singular' | 'plural'): string {
  const words = entity.split(/[-_]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  const plural = words.join('');
  return form === 'plural' ? plural : plural.replace(/ies$/, 'y').replace(/s$/, '');
}
