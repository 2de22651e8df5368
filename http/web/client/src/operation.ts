// A change that somebody made here, until the backend has it: what it holds, the request that carries it, and how it looks
// meanwhile. Pure.
import type { Row } from './entity.js';
import { applyToRecord, patchTo } from './merge.js';
import type { Problem } from './problem.js';

export type Kind = 'save' | 'update' | 'remove' | 'bulk';

/** What is to become of one record. */
export interface Item {
  id: string;
  /** Of a patch what is to change, also within objects; else each stands for the whole field: as PATCH and POST take them. */
  fields: Row;
  /** The record as it was shown when the change was made; null: not known, or not there. */
  base: Row | null;
  /** The version that must still stand; null: whatever stands. */
  version: number | null;
  /** The id was made here and nobody has seen it: the record may turn out to be one that has another. */
  madeId: boolean;
  /** The natural key tells which record it is; the id is not sent. */
  byKey: boolean;
}

export interface Operation {
  /** The order of operations; of the storage. */
  seq: number;
  /** With the generation it is the Idempotency-Key: one key, one request, for ever. */
  key: string;
  generation: number;
  entity: string;
  kind: Kind;
  /** A bulk of patches. */
  patch?: boolean;
  /** The records it touches: operations that share one keep their order. */
  lanes: string[];
  items: Item[];
  createdMs: number;
  serverErrors: number;
  rebases: number;
  /** How often it was sent and not answered, and what came of it the last time. */
  tries?: number;
  reason?: string;
  state: 'waiting' | 'attention';
  problem?: Problem;
  /** With attention: the record that stands; null: none. */
  theirs?: Row | null;
  lease?: { tab: string; untilMs: number };
  /** Somebody gave it up while it was being tried: it is not tried again. */
  givenUp?: true;
}

export type Draft = Omit<Operation, 'seq'>;

export const laneOf = (entity: string, id: string): string => `${entity}/${id}`;

export function draft(key: string, entity: string, kind: Kind, items: Item[], createdMs: number): Draft {
  const lanes = items.map(({ id }) => laneOf(entity, id));
  return { key, generation: 0, entity, kind, lanes, items, createdMs, serverErrors: 0, rebases: 0, state: 'waiting' };
}

/** What an item becomes when it goes on alone, after a bulk or a refusal: a new request under a new key. */
export function again(from: Operation, item: Item, key: string, changes: Partial<Operation> = {}): Draft {
  const { lease: _lease, problem: _problem, theirs: _theirs, seq: _seq, tries: _tries, reason: _reason, ...kept } = from;
  return {
    ...kept,
    kind: from.kind === 'bulk' ? 'save' : from.kind,
    key,
    items: [item],
    lanes: [laneOf(from.entity, item.id)],
    state: 'waiting',
    ...changes,
  };
}

export const isPatch = ({ kind, patch }: Pick<Operation, 'kind' | 'patch'>): boolean => kind === 'update' || patch === true;

/** The record with the change of one in it. */
export const written = (asPatch: boolean, before: Row, fields: Row): Row => (asPatch ? applyToRecord(before, fields) : { ...before, ...fields });

/** What a change means as a merge patch, when it is not known, or not sure, what stands. */
export const patchFor = ({ kind, items }: Operation, theirs: Row): Row =>
  kind === 'save' ? patchTo(items[0]!.base ?? theirs, items[0]!.fields) : items[0]!.fields;

/** The change as it is sent on top of `theirs`, which others saved meanwhile: it says what is to change, and nothing else. */
export function onTopOf(theirs: Row, operation: Operation, fields: Row): Operation {
  const id = theirs['id'] as string;
  const item: Item = { id, fields, base: theirs, version: theirs['version'] as number, madeId: false, byKey: false };
  const kind = operation.kind === 'remove' ? 'remove' : 'update';
  return { ...operation, kind, generation: operation.generation + 1, lanes: [laneOf(operation.entity, id)], items: [item] };
}

export interface WriteRequest {
  method: string;
  path: string;
  body?: unknown;
  headers: Record<string, string>;
}

/** The same operation and generation give the same request, byte for byte: the server compares. */
export function requestOf(operation: Operation): WriteRequest {
  const path = `/api/${operation.entity}`;
  const headers: Record<string, string> = { 'Idempotency-Key': `${operation.key}.${operation.generation}` };
  const [item] = operation.items as [Item];
  const one = `${path}/${encodeURIComponent(item.id)}`;
  switch (operation.kind) {
    case 'remove':
      return { method: 'DELETE', path: one, headers };
    case 'update':
      return { method: 'PATCH', path: one, body: conditional(item, item.fields), headers };
    case 'save':
      return { method: 'POST', path, body: saveBody(item), headers };
    case 'bulk':
      headers['Prefer'] = 'return=representation';
      return { method: operation.patch ? 'PATCH' : 'POST', path, body: operation.items.map(saveBody), headers };
  }
}

const saveBody = (item: Item): Row => conditional(item, item.byKey ? item.fields : { id: item.id, ...item.fields });
const conditional = ({ version }: Item, body: Row): Row =>
  version === null ? body : { ...body, expected_version: version };

/** A record with what waits for it, in order; null when it is gone. */
export function overlaid(entity: string, id: string, stored: Row | null, waiting: readonly Operation[]): Row | null {
  let shown = stored;
  for (const operation of waiting) {
    if (operation.entity !== entity || operation.state !== 'waiting') continue;
    for (const item of operation.items) {
      if (item.id !== id) continue;
      if (operation.kind === 'remove') shown = null;
      else {
        const created_at = new Date(operation.createdMs).toISOString();
        shown = { id, ...written(isPatch(operation), shown ?? item.base ?? { created_at }, item.fields) };
      }
    }
  }
  return shown;
}
