// How far an import has come, kept in the browser: when the page is closed in the middle, the same file can go on where it was, with the same
// keys, so that nothing lands twice.
import type { Counts } from './job.ts';

export interface Unfinished {
  run: string;
  /** Whose it is; null: nobody need sign in. */
  actor: string | null;
  file: { name: string; size: number; modified: number };
  entity: string;
  overrides: [string, string][];
  chunks: number;
  counts: Counts;
  line: number;
  savedMs: number;
}

const key = 'synclog.import';
const maxAgeMs = 7 * 24 * 3_600_000;

export function keepUnfinished(storage: Storage | undefined, unfinished: Unfinished | null): void {
  try {
    if (unfinished) storage?.setItem(key, JSON.stringify(unfinished));
    else storage?.removeItem(key);
  } catch {
    // Without it a second import of the file begins anew: rows with an id or a key are found again.
  }
}

export function unfinishedOf(storage: Storage | undefined, file: { name: string; size: number; lastModified: number }): Unfinished | null {
  try {
    const kept = JSON.parse(storage?.getItem(key) ?? 'null') as Unfinished | null;
    if (!kept || Math.abs(Date.now() - kept.savedMs) > maxAgeMs) return null;
    const isSame = kept.file.name === file.name && kept.file.size === file.size && kept.file.modified === file.lastModified;
    return isSame ? { ...kept, actor: kept.actor ?? null } : null;
  } catch {
    return null;
  }
}
