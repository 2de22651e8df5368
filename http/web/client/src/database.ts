// The browser's storage, which may be missing, full, old, blocked or taken away at any time. Whoever uses it goes on in
// memory when it fails; what is wrong is said in `state`.
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Row } from './entity.js';
import type { Operation } from './operation.js';
import { Signal } from './signal.js';

export interface StoredRecord {
  entity: string;
  id: string;
  /** null: deleted at `position`. */
  row: Row | null;
  position: number;
  atMs: number;
}
/** Up to where the rows of an entity hold every change. */
export interface StoredCursor {
  entity: string;
  cursor: string;
}
/** When a query was last answered by the backend. */
export interface StoredQuery {
  entity: string;
  query: string;
  atMs: number;
}

export interface Schema extends DBSchema {
  records: { key: [string, string]; value: StoredRecord; indexes: { entity: string } };
  cursors: { key: string; value: StoredCursor };
  queries: { key: [string, string]; value: StoredQuery };
  operations: { key: number; value: Operation; indexes: { key: string; lanes: string } };
}
export type Handle = IDBPDatabase<Schema>;

/**
 * durable: kept over a reload. opening: not yet. The others keep what is unsent only while this page lives: memory (no
 * storage here, as in a private window, or it has failed), full, blocked (an old tab keeps the storage in its old form: close it), outdated
 * (this tab is the old one: reload it).
 */
export type StorageState = 'opening' | 'durable' | 'memory' | 'full' | 'blocked' | 'outdated';

const currentVersion = 1; // of the form that upgrade() makes
const reopenMs = 1_000;

export class Database {
  readonly state = new Signal<StorageState>('opening');
  /** Called when the storage is there, at first and again after it was taken away; `lost`: it came back empty. */
  onOpen: (lost: boolean) => void = () => {};
  /** Called at once when it is taken away: what comes back is empty, and says nothing about what was in it. */
  onLost: () => void = () => {};
  #handle: Handle | null = null;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly name: string, private readonly version = currentVersion) {}

  /** Returns when it is open, or has failed, or after `patienceMs`; goes on trying behind that. */
  async open(patienceMs: number): Promise<void> {
    if (typeof indexedDB === 'undefined' || indexedDB === null) return this.state.set('memory');
    let timer;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, patienceMs)));
    await Promise.race([this.#try(false), patience]);
    clearTimeout(timer);
    if (this.state.value === 'opening') this.state.set('memory');
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#handle?.close();
    this.#handle = null;
  }

  /** The answer of `use`, or undefined when there is no storage or it failed. `grows`: that it worked shows that there is room. */
  async run<T>(use: (handle: Handle) => Promise<T>, effect: 'grows' | 'other' = 'other'): Promise<T | undefined> {
    if (!this.#handle) return undefined;
    try {
      const answer = await use(this.#handle);
      if (effect === 'grows' && this.state.value === 'full') this.state.set('durable');
      return answer;
    } catch (error) {
      this.#note(error);
      return undefined;
    }
  }

  get isOpen(): boolean {
    return this.#handle !== null;
  }

  async #try(lost: boolean): Promise<void> {
    try {
      const handle = await openDB<Schema>(this.name, this.version, {
        upgrade,
        blocked: () => this.state.set('blocked'),
        blocking: (_, wanted) => this.#giveWay(wanted),
        terminated: () => this.#takenAway(),
      });
      if (this.#closed) return handle.close();
      this.#handle = handle;
      this.state.set('durable');
      this.onOpen(lost);
    } catch (error) {
      if (this.#closed) return;
      this.state.set(error instanceof DOMException && error.name === 'VersionError' ? 'outdated' : 'memory');
    }
  }

  // A newer page wants to change the storage's form, or somebody deletes it: nobody must wait for us.
  #giveWay(wanted: number | null): void {
    this.#handle?.close();
    if (wanted === null) return this.#takenAway();
    this.#handle = null;
    this.state.set('outdated');
  }

  // The user cleared it, or the browser did.
  #takenAway(): void {
    if (this.#closed || !this.#handle) return;
    this.#handle = null;
    this.onLost();
    this.state.set('opening');
    this.#timer = setTimeout(() => void this.#try(true), reopenMs);
  }

  #note(error: unknown): void {
    if (this.#closed) return;
    const name = error instanceof DOMException || error instanceof Error ? error.name : '';
    if (name === 'QuotaExceededError') this.state.set('full');
    else if (name === 'InvalidStateError' || name === 'NotFoundError') this.#takenAway();
    // An aborted transaction is over; the storage is as good as before.
  }
}

function upgrade(handle: Handle): void {
  handle.createObjectStore('records', { keyPath: ['entity', 'id'] }).createIndex('entity', 'entity');
  handle.createObjectStore('cursors', { keyPath: 'entity' });
  handle.createObjectStore('queries', { keyPath: ['entity', 'query'] });
  const operations = handle.createObjectStore('operations', { keyPath: 'seq', autoIncrement: true });
  operations.createIndex('key', 'key', { unique: true });
  operations.createIndex('lanes', 'lanes', { multiEntry: true });
}
