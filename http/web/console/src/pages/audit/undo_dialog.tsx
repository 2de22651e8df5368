// Undoes a selection of events: shows what would become of each record first, and does nothing before somebody says so.
import { useEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../../app/announcer.ts';
import { href } from '../../app/router.ts';
import { isAbort, sentenceOf } from '../../data/api.ts';
import { definitionOf } from '../../data/definitions.ts';
import { requestWithProgress } from '../../data/progress.ts';
import { Badge, type BadgeKind } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Differences, type Difference } from '../../ui/difference.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Progress } from '../../ui/progress.tsx';
import { countText, numberText } from '../../ui/text.ts';
import type { Search } from './search.ts';

type Effect = 'removed' | 'set_back' | 'brought_back';
interface Item {
  what: 'undone' | 'conflict' | 'refused';
  /** Of one that is undone. */
  effect?: Effect;
  resource: string;
  id: string;
  version: number;
  restored_version: number | null;
  detail?: string;
  changes: Difference[];
}
interface Outcome extends Record<Effect, number> {
  complete: boolean;
  /** Those of all three effects. */
  undone: number;
  nothing: number;
  conflicts: number;
  refused: number;
  request_id: string;
  items: Item[];
  /** The end of the selection, as the server has set it. */
  to?: string;
}
interface Step {
  done: number;
  total: number;
}

const shownItems = 100;

export function UndoDialog({ search, onClose }: { search: Search; onClose: (hasChanged: boolean) => void }) {
  const [force, setForce] = useState(false);
  const [plan, setPlan] = useState<Outcome | null>(null);
  const [done, setDone] = useState<Outcome | null>(null);
  const [step, setStep] = useState<Step | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const underWay = useRef<AbortController | null>(null);

  const run = async (dryRun: boolean, forced: boolean) => {
    underWay.current?.abort();
    const given = new AbortController();
    underWay.current = given;
    setProblem(null);
    setStep({ done: 0, total: 0 });
    const { actor, request_id: request, resource, from } = search;
    const to = (dryRun ? undefined : plan?.to) ?? search.to; // what was shown, and nothing that came since
    const body = { dry_run: dryRun, force: forced, ...Object.fromEntries(Object.entries({ actor, request_id: request, resource, from, to }).filter(([, value]) => value)) };
    try {
      const outcome = await requestWithProgress<Outcome, Step>('/api/admin/undo', { method: 'POST', body, signal: given.signal }, setStep);
      if (dryRun) setPlan(outcome);
      else {
        setDone((before) => (before ? together(before, outcome) : outcome));
        announce(effectsText(outcome, 'done'));
      }
    } catch (error) {
      if (isAbort(error)) return;
      setProblem(error);
    }
    if (underWay.current === given) setStep(null);
  };
  useEffect(() => {
    void run(true, force);
  }, [force]);
  useEffect(() => () => underWay.current?.abort(), []);

  const close = () => onClose(done !== null);
  const outcome = done ?? plan;
  return (
    <Dialog
      title={done ? 'Undone' : 'Undo these events'}
      onClose={close}
      side
      actions={
        <>
          <Button label={done ? 'Close' : 'Cancel'} onClick={close} />
          {done && !done.complete && <Button label="Go on" kind="danger" isBusy={step !== null} onClick={() => void run(false, force)} />}
          {!done && (
            <Button
              label={plan ? `Undo ${countText(plan.undone, 'record')}` : 'Undo'}
              kind="danger"
              disabled={!plan || plan.undone === 0}
              isBusy={step !== null}
              onClick={() => void run(false, force)}
            />
          )}
        </>
      }
    >
      <div class="stack">
        <p class="muted">{selectionText(search)} Each record becomes what it was before them: one that they made is removed again, one that they changed is set back, one that they deleted is brought back. The log keeps both, these events and the new ones.</p>
        {step && <Progress label={step.total > 0 ? `${numberText(step.done)} of ${numberText(step.total)} positions` : 'Looking'} value={step.total > 0 ? step.done / step.total : null} />}
        {problem !== null && <Notice kind="error">{sentenceOf(problem)}</Notice>}
        {outcome && !step && <Summary outcome={outcome} isDone={done !== null} />}
        {plan && !done && (plan.conflicts > 0 || force) && (
          <label class="check">
            <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} />
            <span>Records that were changed again since, too</span>
          </label>
        )}
        {outcome && outcome.items.length > 0 && !step && <Items items={outcome.items} />}
      </div>
    </Dialog>
  );
}

// What a run did that was stopped, and what the one did that went on.
function together(before: Outcome, after: Outcome): Outcome {
  const sum = (name: Effect | 'undone') => before[name] + after[name];
  const counts = { undone: sum('undone'), removed: sum('removed'), set_back: sum('set_back'), brought_back: sum('brought_back') };
  return { ...after, ...counts, items: [...before.items.filter(({ what }) => what === 'undone'), ...after.items] };
}

function selectionText({ actor, request_id: request, resource, from, to }: Search): string {
  const parts = ['Events'];
  if (resource) parts.push(`of ${definitionOf(resource)?.title ?? resource}`);
  if (actor) parts.push(`by ${actor}`);
  if (request) parts.push(`of request ${request}`);
  if (from) parts.push(`from ${new Date(from).toLocaleString()}`);
  if (to) parts.push(`to ${new Date(to).toLocaleString()}`);
  return `${parts.join(' ')}.`;
}

// In the order in which they matter to somebody who is about to press the button.
const effects: readonly Effect[] = ['removed', 'set_back', 'brought_back'];
const effectWords: Record<Effect, string> = { removed: 'removed again', set_back: 'set back', brought_back: 'brought back' };

// `3 records will be removed again, 1 record set back`
function effectsText(outcome: Outcome, tense: 'will' | 'done'): string {
  const some = effects.filter((effect) => outcome[effect] > 0);
  if (some.length === 0) return tense === 'will' ? 'No record will be changed' : 'No record was changed';
  return some.map((effect, index) => `${countText(outcome[effect], 'record')} ${tense === 'will' && index === 0 ? 'will be ' : ''}${effectWords[effect]}`).join(', ');
}

function Summary({ outcome, isDone }: { outcome: Outcome; isDone: boolean }) {
  const { undone, nothing, conflicts, refused } = outcome;
  const parts = [effectsText(outcome, isDone ? 'done' : 'will')];
  if (nothing > 0) parts.push(`${numberText(nothing)} stand as they stood before`);
  if (conflicts > 0) parts.push(`${numberText(conflicts)} changed again since and left alone`);
  if (refused > 0) parts.push(`${numberText(refused)} cannot be undone`);
  return (
    <>
      <Notice kind={conflicts + refused > 0 || !outcome.complete ? 'warning' : isDone ? 'good' : 'info'}>
        {parts.join(', ')}.{!outcome.complete && ' It was stopped before the end: the same again goes on.'}
      </Notice>
      {isDone && undone > 0 && <p><a href={href(['audit'], { request_id: outcome.request_id })}>The new events</a>, which can be undone in turn.</p>}
    </>
  );
}

const kinds: Record<Item['what'], BadgeKind> = { undone: 'accent', conflict: 'warning', refused: 'error' };
const words: Record<Item['what'], string> = { undone: 'undone', conflict: 'left alone', refused: 'refused' };
const wordOf = ({ what, effect }: Item): string => (effect ? effectWords[effect] : words[what]);
const kindOf = ({ what, effect }: Item): BadgeKind => (effect === 'removed' ? 'error' : kinds[what]);

function Items({ items }: { items: readonly Item[] }) {
  return (
    <>
      <ul class="undo-items">
        {items.slice(0, shownItems).map((item) => (
          <li key={`${item.resource}/${item.id}`}>
            <div class="row">
              <Badge kind={kindOf(item)}>{wordOf(item)}</Badge>
              <a href={href(['t', item.resource, item.id])}>{definitionOf(item.resource)?.title ?? item.resource} {item.id}</a>
              {item.what === 'undone' && item.restored_version !== null && <span class="muted">to version {item.restored_version}</span>}
            </div>
            {item.detail && <p class="muted">{item.detail}</p>}
            {item.restored_version !== null && item.changes.length > 0 && <Differences changes={item.changes} />}
          </li>
        ))}
      </ul>
      {items.length > shownItems && <p class="muted">And more.</p>}
    </>
  );
}
