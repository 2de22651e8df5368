// Who hears of an entity's records: live views, and pages that keep rows of their own.
import type { Watcher } from './collection.js';
import type { Change } from './core.js';
import { callSafely } from './signal.js';

export class Watchers {
  #all = new Set<readonly [entity: string, Watcher]>();

  add(entity: string, watcher: Watcher): () => void {
    const own = [entity, watcher] as const; // the same watcher may come twice
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  /** Of which somebody hears. */
  get entities(): Set<string> {
    return new Set([...this.#all].map(([entity]) => entity));
  }

  tell(entity: string, ids: readonly string[], source: Change['source']): void {
    this.#call((watcher) => watcher.onChange(ids, source), entity);
  }

  /** Those of an entity, or all. */
  reload(why: 'void' | 'return', entity?: string): void {
    this.#call((watcher) => watcher.onReload(why), entity);
  }

  // What the page's own code throws must not keep anything from the others.
  #call(call: (watcher: Watcher) => void, entity?: string): void {
    for (const [name, watcher] of [...this.#all]) {
      if (entity === undefined || name === entity) callSafely(() => call(watcher));
    }
  }
}
