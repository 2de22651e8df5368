// A record and its versions, live. The record comes from the client library, with what waits for it; its past only the
// backend knows.
import { signal } from '@preact/signals';
import type { Version } from '../../../../client/src/collection.ts';
import type { Row } from '../../../../client/src/entity.ts';
import { person } from '../../app/session.ts';
import { sync } from '../../app/sync.ts';
import { api, pathOf, RefusedError } from '../../data/api.ts';

export interface RecordState {
  record: Row | null;
  /** Oldest first. */
  versions: readonly (Version & { branch?: string | null; erased?: boolean })[];
  isLoading: boolean;
  fromCache: boolean;
  problem: unknown;
  historyProblem: unknown;
}

export interface VersionView {
  /** null: a deletion. */
  record: Row | null;
  problem: unknown;
}

/**
 * The end of a record for somebody who sees some branches, and not the one that it went to: it looks like a deletion of which
 * nobody says who made it.
 */
export const hasMovedAway = ({ action, actor }: Version): boolean => person.value?.branches != null && action === 'deleted' && !actor;

const historyMs = 150; // several changes at once are asked for once
const maxPast = 200; // versions that are held

export class RecordSource {
  readonly state = signal<RecordState>({ record: null, versions: [], isLoading: true, fromCache: false, problem: null, historyProblem: null });
  /** Versions that somebody looked at. */
  readonly past = signal<ReadonlyMap<number, VersionView>>(new Map());
  readonly #collection;
  readonly #unwatch: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #isUnknown = false;
  #underWay = 0; // loads
  #getting = 0; // the record, before its history
  #isBack = false; // the backend can be reached again since the last load began

  constructor(private readonly entity: string, private readonly id: string) {
    this.#collection = sync.collection(entity);
    this.#unwatch = this.#collection.watch({
      onChange: (ids) => ids.includes(id) && this.#changed(),
      onReload: (why) => this.#reload(why),
    });
    void this.load();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#unwatch();
  }

  async load(): Promise<void> {
    ++this.#underWay;
    this.#isBack = false;
    try {
      await this.#load();
    } finally {
      --this.#underWay;
    }
    if (this.#isBack) this.#reload('return');
  }

  // Nothing is asked twice that was answered: the stream tells what comes after, also when somebody makes a record that did not exist.
  #reload(why: 'void' | 'return'): void {
    const { fromCache, problem, historyProblem } = this.state.value;
    if (this.#isClosed) return;
    if (why === 'return' && this.#underWay > 0) this.#isBack = true;
    else if (why === 'void' || (!this.#isUnknown && (fromCache || problem !== null || historyProblem !== null))) void this.load();
  }

  async #load(): Promise<void> {
    ++this.#getting;
    try {
      const { record, source } = await this.#collection.get(this.id);
      this.#set({ record, isLoading: false, fromCache: source === 'cache', problem: null });
    } catch (error) {
      this.#set({ isLoading: false, problem: error });
    } finally {
      --this.#getting;
    }
    await this.#loadHistory();
    // The stream keeps the collections of which a list was loaded.
    await this.#collection.load({ limit: 1 }).catch(() => {}); // it is asked for again with the stream
  }

  /** Gets a version, once. */
  async look(version: number): Promise<void> {
    const held = this.past.value.get(version);
    if (held && held.problem === null) return;
    const about = this.state.value.versions.find((one) => one.version === version);
    let view: VersionView = { record: null, problem: null };
    if (about?.action !== 'deleted') {
      try {
        view = { record: await api<Row>(`${pathOf('api', this.entity, this.id)}?version=${version}`), problem: null };
      } catch (problem) {
        view = { record: null, problem };
      }
    }
    const past = [...this.past.value].slice(-maxPast);
    if (!this.#isClosed) this.past.value = new Map([...past, [version, view]]);
  }

  #changed(): void {
    this.#set({ record: this.#collection.known(this.id) });
    clearTimeout(this.#timer);
    if (this.#getting > 0) return; // its history is asked for next
    this.#timer = setTimeout(() => void this.#loadHistory(), historyMs);
  }

  async #loadHistory(): Promise<void> {
    clearTimeout(this.#timer); // what it was set for is asked now
    try {
      this.#set({ versions: await this.#collection.history(this.id), historyProblem: null });
      this.#isUnknown = false;
    } catch (error) {
      const isUnknown = error instanceof RefusedError && error.problem.status === 404; // not sent yet
      this.#isUnknown = isUnknown && this.state.value.record === null;
      this.#set(isUnknown ? { versions: [], historyProblem: null } : { historyProblem: error });
    }
  }

  #set(changes: Partial<RecordState>): void {
    if (!this.#isClosed) this.state.value = { ...this.state.value, ...changes };
  }
}
