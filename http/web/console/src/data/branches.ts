// The branches that a form can offer: those that the caller may write, or else those that the data names.
import { signal } from '@preact/signals';
import { mayAudit, person } from '../app/session.ts';
import { sync } from '../app/sync.ts';
import { api } from './api.ts';
import { definitionOf, hasRoute } from './definitions.ts';

interface Counted {
  entities?: { entity: string; branches?: { branch: string | null; records: number }[] }[];
}

const maxBranches = 100;
const lookedRows = 200; // the first page of a table: kept in the browser for when the backend is away
const freshMs = 60_000;
const overviewRoute = '/api/admin/overview';

const counted = signal<readonly string[]>([]);
const seen = signal<ReadonlyMap<string, readonly string[]>>(new Map()); // entity → those of its rows
let lookedMs = -Infinity;

/** The branches that whoever is signed in may write; null: any. */
export const ownBranches = (): readonly string[] | null => person.value?.branches ?? null;

/** In order. Follow them by reading this while drawing; `lookForBranches` finds them. */
export function knownBranches(entity: string | null): readonly string[] {
  const all = ownBranches() ?? [...counted.value, ...(entity === null ? [...seen.value.values()].flat() : (seen.value.get(entity) ?? []))];
  return [...new Set(all)].sort().slice(0, maxBranches);
}

/** Nothing is asked of a server that has said it, nor for somebody who has named branches. Never throws. */
export async function lookForBranches(entity: string | null): Promise<void> {
  if (ownBranches() !== null) return;
  if (hasRoute(overviewRoute) && mayAudit.value) {
    if (Date.now() - lookedMs < freshMs) return;
    const answer = await api<Counted>(overviewRoute).catch(() => null);
    if (answer) {
      lookedMs = Date.now();
      const named = (answer.entities ?? []).flatMap(({ branches = [] }) => branches);
      counted.value = named.sort((left, right) => right.records - left.records).flatMap(({ branch }) => (branch ? [branch] : []));
      return;
    }
  }
  const field = entity === null ? undefined : definitionOf(entity)?.branch;
  if (entity === null || !field) return;
  const rows = await sync.collection(entity).load({ limit: lookedRows }).then((loaded) => loaded.rows, () => []);
  const names = new Set(rows.map((row) => row[field]).filter((name): name is string => typeof name === 'string' && name !== ''));
  seen.value = new Map([...seen.value, [entity, [...names]]]);
}
