// What waits to be sent, for a person to look at.
import type { Row } from './entity.js';
import type { Kind, Operation } from './operation.js';

export interface UnsentItem {
  key: string;
  entity: string;
  kind: Kind;
  /** The records that it touches. */
  ids: string[];
  /** What is to be written; of the first record when there are several. */
  fields: Row;
  created: Date;
  /** How often it was tried without an answer, and what came of it the last time. */
  tries: number;
  reason: string | null;
  /** An earlier change of the same record must be through first. */
  isBehind: boolean;
  /** It was given up while it was being tried: that attempt is the last one. */
  isGivenUp: boolean;
}

export function unsentItem(operation: Operation, isBehind: boolean): UnsentItem {
  const { key, entity, kind, items, createdMs, tries = 0, reason = null, givenUp = false } = operation;
  const ids = items.map(({ id }) => id);
  return { key, entity, kind, ids, fields: items[0]!.fields, created: new Date(createdMs), tries, reason, isBehind, isGivenUp: givenUp };
}
