// What became of the rows, so that one sees that all are accounted for.
import { numberText } from '../../ui/text.ts';
import type { Counts } from './job.ts';

export function Counted({ counts, tense }: { counts: Counts; tense: 'would' | 'was' }) {
  const parts = [
    ['created', counts.created, tense === 'would' ? 'would be new' : 'new'],
    ['updated', counts.updated, tense === 'would' ? 'would change' : 'changed'],
    ['unchanged', counts.unchanged, tense === 'would' ? 'stand as they are' : 'stood as they are'],
    ['rejected', counts.rejected, tense === 'would' ? 'would be rejected' : 'rejected'],
  ] as const;
  return (
    <dl class="counted" data-counts={JSON.stringify(counts)}>
      <div class="counted-all"><dt>rows</dt><dd>{numberText(counts.rows)}</dd></div>
      {parts.map(([name, count, words], at) => (
        <div key={name} class={name === 'rejected' && count > 0 ? 'counted-rejected' : ''}>
          <dt>{words}</dt>
          <dd><span class="counted-sign" aria-hidden="true">{at === 0 ? '=' : '+'}</span>{numberText(count)}</dd>
        </div>
      ))}
    </dl>
  );
}
