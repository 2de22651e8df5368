// The branches that a field offers, found when it is first shown.
import { useEffect } from 'preact/hooks';
import { knownBranches, lookForBranches } from '../data/branches.ts';
import { Suggestions } from '../ui/suggestions.tsx';

/** `entity` null: of all tables. */
export function BranchList({ id, entity = null }: { id: string; entity?: string | null }) {
  useEffect(() => void lookForBranches(entity), [entity]);
  return <Suggestions id={id} values={knownBranches(entity)} />;
}
