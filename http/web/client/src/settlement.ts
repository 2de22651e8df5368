// What an answer makes of an operation: done, merged with what others saved and sent again, or left to a person. Pure.
import { fromAnswer, gone, type Cache, type RecordChange } from './cache.js';
import type { Row, StoredRow } from './entity.js';
import type { Limits } from './limits.js';
import { patchTo, threeWay } from './merge.js';
import { isPatch, laneOf, onTopOf, patchFor, written, type Item, type Operation } from './operation.js';
import type { Settlement } from './outbox.js';
import type { Problem } from './problem.js';
import { positionOf } from './stream.js';

interface BulkResult {
  cursor: string;
  results: {
    index: number;
    status: 'created' | 'updated' | 'unchanged' | 'deleted' | 'rejected' | 'aborted';
    code?: string;
    errors?: { pointer: string; detail: string }[];
    current?: StoredRow;
    record?: StoredRow;
  }[];
}

const same = (later: Operation) => later;
const bulkStep = 1 / 1024; // children of a bulk stand between it and the next operation

/** Whether a success says what the backend says of such an operation. */
export function isAnswerTo({ kind, items }: Operation, body: unknown): boolean {
  const { cursor, results } = (body ?? {}) as Partial<BulkResult>;
  if (kind === 'remove') return typeof cursor === 'string';
  return kind === 'bulk' ? results?.length === items.length && results.every(({ index }) => items[index]) : isRecord(body);
}

export function isRecord(body: unknown): boolean {
  return typeof (body as Partial<StoredRow> | null)?.position === 'number';
}

/** The backend has it. */
export function accepted(operation: Operation, body: unknown, nowMs: number): Settlement {
  if (operation.kind === 'bulk') throw new Error('a bulk has results of its own');
  const [item] = operation.items as [Item];
  if (operation.kind === 'remove') {
    const position = positionOf((body as { cursor: string }).cursor);
    return { replace: [], records: [gone(operation.entity, item.id, position, nowMs)], adjust: afterRemoval(item.id) };
  }
  const record = body as StoredRow;
  return {
    replace: [],
    records: [fromAnswer(operation.entity, record, nowMs)],
    adjust: afterSave(operation, item, record),
  };
}

// What was changed here on top of it starts from the record as it is now, if nobody else came between. If somebody did, it
// keeps what it started from, and the version it carries makes the backend say so.
function afterSave(done: Operation, item: Item, record: StoredRow): (later: Operation) => Operation {
  const startedAt = item.version ?? (item.base?.['version'] as number | undefined);
  const asShown = record.version === 1 || startedAt === undefined || record.version <= startedAt + 1;
  const alone = asShown && done.rebases === 0;
  const moved = record.id !== item.id;
  if (!alone && !moved) return same;
  const before = written(isPatch(done), { ...item.base }, item.fields);
  const follow = (later: Operation) => (one: Item): Item => {
    if (one.id !== item.id) return one;
    const here = moved ? { ...one, id: record.id, madeId: false, byKey: false } : one;
    if (!alone || later.kind === 'remove') return here;
    const conditional = later.kind === 'update' || one.version !== null;
    // With what was changed here between the two.
    const base = { ...written(true, record, patchTo(before, one.base ?? before)), version: record.version };
    return { ...here, base, version: conditional ? record.version : null };
  };
  return (later) => {
    const items = later.items.map(follow(later));
    return { ...later, items, lanes: items.map(({ id }) => laneOf(done.entity, id)) };
  };
}

function afterRemoval(id: string): (later: Operation) => Operation {
  return (later) =>
    later.kind === 'update' || later.kind === 'remove'
      ? later
      : { ...later, items: later.items.map((one) => (one.id === id ? { ...one, base: null, version: null } : one)) };
}

/** Each item of a bulk for itself. */
export function acceptedBulk(operation: Operation, body: unknown, limits: Limits, nowMs: number): Settlement {
  const { results } = body as BulkResult;
  const settlements = results.map(({ index, status, code = 'unknown', errors, current, record }) => {
    const item = operation.items[index]!;
    const alone = child(operation, item, index);
    if (record) return accepted(alone, record, nowMs);
    // What it started from is not known here: asked for by itself, it is looked up.
    if (current && item.version !== null && !item.base) return { replace: [alone], records: [], adjust: same };
    const problem: Problem = { status: 422, code, title: `The item was ${status}` };
    if (errors) problem.errors = errors;
    if (current) problem.current = current;
    if (errors?.[0]) problem.detail = errors[0].detail;
    return refused(alone, problem, limits);
  });
  return {
    replace: settlements.flatMap(({ replace }) => replace),
    records: settlements.flatMap(({ records }) => records),
    adjust: (later) => settlements.reduce((one, { adjust }) => adjust(one), later),
  };
}

function child(operation: Operation, item: Item, index: number): Operation {
  const { lease: _lease, ...kept } = operation;
  return {
    ...kept,
    seq: operation.seq + (index + 1) * bulkStep,
    key: `${operation.key}.${index}`,
    generation: 0,
    kind: operation.patch ? 'update' : 'save',
    patch: false,
    items: [item],
    lanes: [laneOf(operation.entity, item.id)],
  };
}

/** The backend will not have it as it is. Nothing is dropped. */
export function refused(operation: Operation, problem: Problem, limits: Limits): Settlement {
  const { lease: _lease, ...free } = operation;
  if (operation.kind === 'bulk') {
    return {
      replace: operation.items.map((item, index) => attention(child(free, item, index), problem)),
      records: [],
      adjust: same,
    };
  }
  const [item] = operation.items as [Item];
  if (problem.code === 'taken' && item.madeId && !item.byKey) {
    // The key says that the record exists under another id: without ours, the backend finds it by its key.
    return { replace: [{ ...free, generation: free.generation + 1, items: [{ ...item, byKey: true }] }], records: [], adjust: same };
  }
  const theirs = (problem.current as StoredRow | undefined) ?? null;
  if (theirs) {
    const rebased = rebase(free, item, theirs, limits);
    if (rebased) return rebased;
  }
  return { replace: [attention(free, problem)], records: theirs ? [fromAnswer(free.entity, theirs, Date.now())] : [], adjust: same };
}

const attention = (operation: Operation, problem: Problem): Operation => ({
  ...operation,
  state: 'attention',
  problem,
  theirs: (problem.current as Row | undefined) ?? null,
});

// Others changed the record meanwhile. Where they changed other fields than I, both stand.
function rebase(operation: Operation, item: Item, theirs: StoredRow, limits: Limits): Settlement | null {
  if (operation.rebases >= limits.maxRebases || !item.base || operation.kind === 'remove') return null;
  const { write, conflicts } = threeWay(item.base, patchFor(operation, theirs), theirs);
  if (conflicts > 0) return null;
  const records: RecordChange[] = [fromAnswer(operation.entity, theirs, Date.now())];
  if (Object.keys(write).length === 0) {
    return { replace: [], records, adjust: same };
  }
  const next = { ...onTopOf(theirs, operation, write), rebases: operation.rebases + 1 };
  return { replace: [next], records, adjust: same };
}

/** A removal that finds nothing is done. */
export function alreadyGone(operation: Operation, cache: Cache, position: number, nowMs: number): Settlement {
  const [item] = operation.items as [Item];
  return { replace: [], records: cache.goneSince(operation.entity, item.id, position, nowMs), adjust: afterRemoval(item.id) };
}

