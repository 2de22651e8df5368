// A change that somebody made here, until the backend has it: what it holds, the request that carries it, and how it looks
// meanwhile. Pure.
import type { Row } from './entity.js';
import { applyToRecord } from './merge.js';
import type { Problem } from './problem.js';

export type Kind = 'save' | 'update' | 'remove' | 'bulk';

/** What is to become of one record. */
export interface Item {
  id: string;
  /** A merge patch. */
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
      return { method: 'POST', path, body: operation.items.map(saveBody), headers };
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
        shown = { id, ...applyToRecord(shown ?? item.base ?? { created_at }, item.fields) };
      }
    }
  }
  return shown;
}
