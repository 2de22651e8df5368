// What the backend refused, for a person to decide.
import type { Row } from './entity.js';
import { bookkeeping } from './entity.js';
import { threeWay, type FieldMerge } from './merge.js';
import { isPatch, onTopOf, patchFor, written, type Item, type Operation } from './operation.js';
import type { Problem } from './problem.js';

export interface AttentionItem {
  key: string;
  entity: string;
  id: string;
  kind: 'save' | 'update' | 'remove';
  /** The fields that were to be written; with `theirs` a merge patch. */
  mine: Row;
  /** The record that stands now, as far as the backend showed it. */
  theirs: Row | null;
  /** The record as it was when the change was made; null: not known. */
  base: Row | null;
  /** Where the three differ. `conflict`: both changed it. */
  fields: FieldMerge[];
  problem: Problem;
  created: Date;
}

/** `mine`: my fields over what stands. `theirs`: what stands stays. A record: these fields instead of mine. */
export type Choice = 'mine' | 'theirs' | Row;

export function attentionItem(operation: Operation): AttentionItem {
  const [item] = operation.items as [Item];
  const theirs = operation.theirs ?? null;
  const mine = theirs ? patchFor(operation, theirs) : item.fields;
  return {
    key: operation.key,
    entity: operation.entity,
    id: item.id,
    kind: operation.kind === 'bulk' ? 'save' : operation.kind,
    mine,
    theirs,
    base: item.base,
    fields: theirs ? threeWay(item.base, mine, theirs).fields : [],
    problem: operation.problem!,
    created: new Date(operation.createdMs),
  };
}

/** The operation as it is sent again, with a key of its own; null when mine is given up. */
export function resolved(operation: Operation, choice: Choice): Operation | null {
  if (choice === 'theirs') return null;
  const [item] = operation.items as [Item];
  const fields = choice === 'mine' ? attentionItem(operation).mine : choice;
  const { theirs, problem: _problem, ...rest } = operation;
  const next = { ...rest, rebases: 1, serverErrors: 0, state: 'waiting' as const };
  if (theirs) return onTopOf(theirs, next, fields);
  const generation = operation.generation + 1;
  const isGone = operation.problem?.code === 'not_found' || operation.problem?.code === 'stale_version';
  if (!isGone || operation.kind === 'remove') return { ...next, generation, items: [{ ...item, fields }] };
  // It was deleted meanwhile: it comes back with all that it had, unless others have brought it back: then both are merged.
  const whole = Object.fromEntries(Object.entries(item.base ?? {}).filter(([name]) => name !== 'id' && !bookkeeping.has(name)));
  return { ...next, generation, kind: 'save', items: [{ ...item, fields: written(isPatch(operation), whole, fields), version: 0 }] };
}
