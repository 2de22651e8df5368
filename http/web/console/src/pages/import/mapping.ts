// Which column feeds which field, as the server decides it (core/csv_plan.cpp), and what a person changes in it. Pure.

/** What must be known of an entity to import into it. */
export interface ImportEntity {
  name: string;
  title: string;
  fields: readonly ImportField[];
  /** Another name → field. */
  aliases: Readonly<Record<string, string>>;
  /** The field that keeps every other column under its own name; none: other columns are refused. */
  rest?: string;
  /** The file of an older system: with the key column, only this map applies. */
  csv?: { key: string; columns: Readonly<Record<string, string>> };
  /** The field by which a row without an id finds its record. */
  key?: string;
}

export interface ImportField {
  name: string;
  title: string;
  type: string;
  required: boolean;
}

export interface Column {
  name: string;
  /** A field, 'id', or null: kept under its own name in the rest field, or ignored. */
  target: string | null;
  how: 'the known file' | 'name' | 'alias' | 'chosen' | 'kept' | 'ignored' | 'refused';
}

export interface Mapping {
  columns: Column[];
  /** Required fields that no column feeds. */
  missing: ImportField[];
  /** Some column feeds a field. */
  isKnown: boolean;
  /** As the server takes them: `?map=NAME:field`. */
  overrides: [string, string][];
}

const bookkeeping = ['version', 'position', 'created_at', 'updated_at'];

/** `chosen`: column name → field or 'id', which goes before everything else. */
export function mappingOf(entity: ImportEntity, names: readonly string[], chosen: ReadonlyMap<string, string> = new Map()): Mapping {
  const columns = names.map((name): Column => ({ name, target: null, how: entity.rest === undefined && name !== '' ? 'refused' : 'kept' }));
  const decided = names.map(() => false);
  const fed = new Set<string>();
  const feed = (at: number, target: string, how: Column['how']) => {
    if (decided[at] || fed.has(target)) return;
    fed.add(target);
    decided[at] = true;
    columns[at] = { name: names[at]!, target, how };
  };
  const columnNamed = (name: string) => {
    const exact = names.indexOf(name);
    return exact >= 0 ? exact : names.findIndex((one) => one.toLowerCase() === name.toLowerCase());
  };
  const overrides: [string, string][] = [];
  for (const [name, target] of chosen) {
    const at = names.indexOf(name);
    if (at < 0 || decided[at] || fed.has(target)) continue;
    feed(at, target, 'chosen');
    overrides.push([name, target]);
  }
  if (entity.csv && columnNamed(entity.csv.key) >= 0) {
    for (const [name, field] of Object.entries(entity.csv.columns)) {
      const at = columnNamed(name);
      if (at >= 0) feed(at, field, 'the known file');
    }
  } else {
    const lowered = (table: [string, string][]) => new Map(table.map(([from, to]) => [from.toLowerCase(), to]));
    const fields = lowered(entity.fields.map(({ name }) => [name, name]));
    const aliases = lowered(Object.entries(entity.aliases));
    for (const [table, how] of [[fields, 'name'], [aliases, 'alias']] as const) {
      names.forEach((name, at) => {
        const field = table.get(name.toLowerCase());
        if (field !== undefined) feed(at, field, how);
      });
    }
    names.forEach((name, at) => {
      if (decided[at]) return;
      if (name.toLowerCase() === 'id') feed(at, 'id', 'name');
      else if (bookkeeping.includes(name)) columns[at] = { name, target: null, how: 'ignored' };
    });
  }
  const missing = entity.fields.filter(({ name, required }) => required && !fed.has(name));
  return { columns, missing, isKnown: fed.size > 0, overrides };
}

/** The query of an import. `isStrict`: of the whole file, of which the server sees a part. */
export function importQuery(overrides: readonly [string, string][], isStrict: boolean, dryRun: boolean): string {
  const query = new URLSearchParams({ quotes: isStrict ? 'proper' : 'stray' });
  if (dryRun) query.set('dry_run', 'true');
  for (const [name, target] of overrides) query.append('map', `${name}:${target}`);
  return `?${query}`;
}
