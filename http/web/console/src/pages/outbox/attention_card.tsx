// One change that the backend refused: what it was, why, and what can be done.
import type { AttentionItem } from '../../../../client/src/attention.ts';
import type { Choice } from '../../../../client/src/attention.ts';
import { href } from '../../app/router.ts';
import { sync } from '../../app/sync.ts';
import { toast, toastProblem } from '../../app/toasts.ts';
import { Button } from '../../ui/button.tsx';
import { confirm } from '../../ui/confirm.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Correction } from './correction.tsx';
import { Merge } from './merge.tsx';
import { fieldsText, kindWords, recordTitle, tableTitle } from './words.ts';

export interface Deciding {
  item: AttentionItem;
  /** Sends what was decided, and says what became of it. */
  decide: (choice: Choice) => Promise<void>;
}

export function AttentionCard({ item }: { item: AttentionItem }) {
  const { key, entity, id, kind, mine, theirs, base, fields, created } = item;
  const title = recordTitle(entity, id, theirs, mine, base);
  const decide = async (choice: Choice) => {
    try {
      const verdict = await sync.resolve(key, choice);
      if (choice === 'theirs') toast('Your change is given up; the record stays as it is.');
      else if (verdict.stored === 'backend') toast(`${title} is saved.`);
      else if (verdict.stored === 'outbox') toast('Decided. It is sent when the backend can be reached.', { whenBack: '' });
      else toast('The backend refused it again: see what is wrong with it now.', { kind: 'error' });
    } catch (error) {
      toastProblem('', error);
    }
  };
  const discard = async () => {
    const text = kind === 'remove' ? 'The record is not deleted.' : `What you wrote is lost: ${fieldsText(entity, mine)}`;
    if (await confirm({ title: `Discard your change of ${title}?`, text, action: 'Discard' })) await decide('theirs');
  };
  const isGone = theirs === null && ['not_found', 'stale_version'].includes(item.problem.code);
  return (
    <article class="card outbox-item" data-key={key}>
      <div class="card-head">
        <h3><a href={href(['t', entity, id])}>{title}</a> <span class="muted">{tableTitle(entity)} · {kindWords[kind]} of <Moment value={created.toISOString()} isShort /></span></h3>
      </div>
      <p>{whyText(item, isGone)}</p>
      {fields.length > 0 && theirs ? (
        <Merge item={item} decide={decide} />
      ) : isGone && kind !== 'remove' ? (
        <div class="stack">
          <p class="muted">You wrote {fieldsText(entity, mine)}</p>
          <div class="row">
            <Button label="Bring it back with my changes" kind="primary" onClick={() => void decide('mine')} />
            <Button label="Leave it deleted" onClick={() => void discard()} />
          </div>
        </div>
      ) : kind === 'remove' || (theirs && fields.length === 0) ? (
        <div class="row">
          <Button label={kind === 'remove' ? 'Delete it all the same' : 'Send it again'} kind={kind === 'remove' ? 'danger' : 'primary'} onClick={() => void decide('mine')} />
          <Button label="Keep it as it stands" onClick={() => void discard()} />
        </div>
      ) : (
        <Correction item={item} decide={decide} discard={discard} />
      )}
    </article>
  );
}

function whyText({ problem, fields, theirs }: AttentionItem, isGone: boolean): string {
  if (isGone) return 'The record was deleted by others after you began.';
  if (fields.some(({ conflict }) => conflict)) return 'Others changed the same fields after you began. Choose what shall stand.';
  if (theirs && problem.code === 'stale_version') return 'Others changed this record after you began.';
  if (problem.code === 'taken') return `${problem.detail ?? 'A value is taken by another record'}.`;
  if (problem.errors?.length) return 'The backend does not take it as it is.';
  return problem.detail ?? problem.title;
}
