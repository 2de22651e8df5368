// Says when the first rows name branches that whoever imports may not write, or that nothing here has yet: a slip is seen before
// it makes a branch of its own.
import { useEffect } from 'preact/hooks';
import type { CsvFile } from '../../csv/file.ts';
import { knownBranches, lookForBranches, ownBranches } from '../../data/branches.ts';
import { definitionOf } from '../../data/definitions.ts';
import { Notice } from '../../ui/notice.tsx';
import type { Mapping } from './mapping.ts';

const namedAtMost = 12;

function listed(names: readonly string[]): string {
  const more = names.length - namedAtMost;
  return names.slice(0, namedAtMost).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

export function BranchNotice({ entity, file, found }: { entity: string; file: CsvFile; found: Mapping }) {
  const field = definitionOf(entity)?.branch;
  const at = found.columns.findIndex(({ target }) => target !== null && target === field);
  useEffect(() => {
    if (at >= 0) void lookForBranches(entity);
  }, [entity, at >= 0]);
  if (at < 0) return null;
  const known = knownBranches(entity);
  const named = new Set(file.preview.map(({ cells }) => (cells[at] ?? '').trim()).filter((name) => name !== ''));
  const strangers = [...named].filter((name) => !known.includes(name)).sort();
  if (strangers.length === 0) return null;
  if (ownBranches() !== null) {
    return <Notice kind="warning">The first rows name {listed(strangers)}. You may write {listed(known) || 'no branch'}: the others will be rejected.</Notice>;
  }
  if (known.length === 0) return null;
  return <Notice kind="info">The first rows name branches that no record has yet: {listed(strangers)}. Known are {listed(known)}.</Notice>;
}
