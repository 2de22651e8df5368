// Three versions of a record, field by field: what I want, what stands, what I started from. Pure.
import type { Row } from './entity.js';

export interface FieldMerge {
  /** The way to the value: a field, or a field and the names within its object. */
  path: string[];
  base: unknown;
  mine: unknown;
  theirs: unknown;
  /** Both changed it, to different values: a person must choose. */
  conflict: boolean;
}

export interface Merge {
  /** Every place where mine or theirs differs from base. */
  fields: FieldMerge[];
  /** What is to be written over `theirs`: my changes without those that conflict. */
  write: Row;
  conflicts: number;
}

export const isObject = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// Empty is empty, however it is spelt.
const plain = (value: unknown) => (value === undefined || value === '' ? null : value);

export function sameValue(left: unknown, right: unknown): boolean {
  const [a, b] = [plain(left), plain(right)];
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => sameValue(a[name], b[name]));
}

/**
 * `mine` is a merge patch: a field that is not there is not wanted to change. `base` null: where I started from is not
 * known, and every difference conflicts.
 */
export function threeWay(base: Row | null, mine: Row, theirs: Row): Merge {
  const fields: FieldMerge[] = [];
  const write = walk(base, mine, theirs, [], fields);
  return { fields, write, conflicts: fields.filter(({ conflict }) => conflict).length };
}

function walk(base: Row | null, mine: Row, theirs: Row, above: string[], fields: FieldMerge[]): Row {
  const write: Row = {};
  for (const [name, wanted] of Object.entries(mine)) {
    const [was, is] = [base?.[name], theirs[name]];
    if (isObject(wanted) && isObject(is)) {
      const inner = walk(base === null ? null : isObject(was) ? was : {}, wanted, is, [...above, name], fields);
      if (Object.keys(inner).length > 0) write[name] = inner;
      continue;
    }
    if (sameValue(wanted, is)) continue;
    const iChanged = base === null || !sameValue(wanted, was);
    const theyChanged = base === null || !sameValue(is, was);
    if (!iChanged && !theyChanged) continue;
    const conflict = iChanged && theyChanged;
    fields.push({ path: [...above, name], base: was, mine: wanted, theirs: is, conflict });
    if (iChanged && !theyChanged) write[name] = wanted;
  }
  return write;
}

/** The patch that makes the choices of a person: `chosen` gives a place its value; undefined: theirs stays. */
export function patchOf(fields: readonly FieldMerge[], chosen: (field: FieldMerge) => unknown): Row {
  const patch: Row = {};
  for (const field of fields) {
    const value = chosen(field);
    if (value === undefined || sameValue(value, field.theirs)) continue;
    let inner = patch;
    for (const name of field.path.slice(0, -1)) inner = (inner[name] ??= {}) as Row;
    inner[field.path.at(-1)!] = value;
  }
  return patch;
}

/** RFC 7396: the record with the patch applied, as the server does it. */
export function applyPatch(target: unknown, patch: Row): Row {
  const made: Row = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    made[name] = isObject(value) ? applyPatch(made[name], value) : value;
  }
  return made;
}

/** applyPatch for a whole record: a field that is cleared is there, as null. */
export function applyToRecord(record: Row | null, patch: Row): Row {
  const made: Row = { ...record };
  for (const [name, value] of Object.entries(patch)) {
    made[name] = isObject(value) ? withoutNulls(applyPatch(made[name], value)) : value;
  }
  return made;
}

function withoutNulls(value: Row): Row {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([name, inner]) => [name, isObject(inner) ? withoutNulls(inner) : inner]),
  );
}

/**
 * The merge patch that makes `from` what `to` says: a field that `to` does not have stays; an object that it has becomes that
 * object, and the names that it lacks go.
 */
export function patchTo(from: Row, to: Row, isWhole = false): Row {
  const patch: Row = {};
  for (const name of Object.keys(isWhole ? { ...from, ...to } : to)) {
    const [was, wanted = null] = [from[name], to[name]];
    if (isObject(was) && isObject(wanted)) {
      const inner = patchTo(was, wanted, true);
      if (Object.keys(inner).length > 0) patch[name] = inner;
    } else if (!sameValue(was, wanted)) patch[name] = wanted;
  }
  return patch;
}

/** What a page changed in a record: the fields of `mine` that differ from `base`. */
export function changesOf(base: Row, mine: Row): Row {
  return Object.fromEntries(Object.entries(mine).filter(([name, value]) => !sameValue(base[name], value)));
}
