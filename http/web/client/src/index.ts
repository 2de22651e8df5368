// What a page imports.
export { adapters, type Adapters } from './adapters.js';
export type { AttentionItem, Choice } from './attention.js';
export { Collection } from './collection.js';
export type { Got, LiveCallback, Loaded, Saved, SavedAll, SaveOptions, Version, Watcher } from './collection.js';
export type { Change } from './core.js';
export type { EntityInfo, Row } from './entity.js';
export type { Faults } from './faults.js';
export type * from './generated/entities.js';
export type { Limits } from './limits.js';
export { applyToRecord, patchOf, sameValue, type FieldMerge } from './merge.js';
export { OutboxFullError, RefusedError, UnreachableError } from './problem.js';
export type { FieldError, Problem } from './problem.js';
export type { Query, Scalar } from './query.js';
export type { Verdict } from './sender.js';
export { Signal } from './signal.js';
export type { Status } from './status.js';
export { connect, Sync, type ConnectOptions } from './sync.js';
export type { UnsentItem } from './unsent.js';
