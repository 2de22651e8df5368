// What waits to be sent, oldest first.
import type { UnsentItem } from '../../../../client/src/unsent.ts';
import { href } from '../../app/router.ts';
import { status, sync } from '../../app/sync.ts';
import { toast } from '../../app/toasts.ts';
import { Button } from '../../ui/button.tsx';
import { confirm } from '../../ui/confirm.tsx';
import { useNow } from '../../ui/use_now.ts';
import { agoText, countText, momentText, numberText } from '../../ui/text.ts';
import { fieldsText, kindWords, recordTitle, tableTitle } from './words.ts';

const shownAtOnce = 200;

export function WaitingTable({ items }: { items: readonly UnsentItem[] }) {
  const nowMs = useNow(1_000);
  const next = status.value!.nextTry;
  return (
    <section class="card">
      <div class="card-head">
        <h2>{countText(items.length, 'change')} to be sent</h2>
        <span class="muted">{nextText(next, nowMs)}</span>
      </div>
      <div class="scroll-x" tabIndex={0} role="region" aria-label="Changes to be sent">
        <table class="plain-table list-table outbox-waiting">
          <thead>
            <tr><th>Record</th><th>Change</th><th>Since</th><th>Tries</th><th><span class="visually-hidden">Discard</span></th></tr>
          </thead>
          <tbody>{items.slice(0, shownAtOnce).map((item) => <WaitingRow key={item.key} item={item} nowMs={nowMs} />)}</tbody>
        </table>
      </div>
      {items.length > shownAtOnce && <p class="muted">and {numberText(items.length - shownAtOnce)} more; Export has all of them.</p>}
    </section>
  );
}

function nextText(next: Date | null, nowMs: number): string {
  const { signedOut, connection } = status.value!;
  if (signedOut) return 'held until you sign in';
  if (next) return `next try ${agoText(new Date(Math.max(next.getTime(), nowMs)), nowMs)}`;
  return connection === 'offline' ? 'tried again as soon as the backend answers' : 'on its way';
}

// What waits behind it for the same records.
function itemsAfter({ key, entity, ids }: UnsentItem): UnsentItem[] {
  const all = sync.unsent.value;
  const at = all.findIndex((one) => one.key === key);
  return all.filter((one, index) => at >= 0 && index > at && one.entity === entity && one.ids.some((id) => ids.includes(id)));
}

function WaitingRow({ item, nowMs }: { item: UnsentItem; nowMs: number }) {
  const { entity, kind, ids, fields, created, tries, reason, isBehind, isGivenUp, key } = item;
  const title = recordTitle(entity, ids[0]!, sync.collection(entity).known(ids[0]!), fields);
  const discard = async () => {
    const later = kind === 'save' ? itemsAfter(item) : []; // what was changed in a record that is not made cannot stand
    const more = later.length > 0 ? `, and ${countText(later.length, 'later change')} of the same` : '';
    const unless = tries > 0 ? 'unless an attempt got through without an answer' : 'unless it is being sent just now';
    const text = `${kindWords[kind]} of ${title}, made ${momentText(created)}${more}. The backend does not get it, ${unless}, and nothing brings it back.`;
    if (!(await confirm({ title: more ? 'Discard these changes?' : 'Discard this change?', text: text[0]!.toUpperCase() + text.slice(1), action: 'Discard' }))) return;
    const isDone = await sync.discardUnsent(key);
    if (isDone) for (const one of later) await sync.discardUnsent(one.key);
    toast(isDone ? 'Discarded.' : 'It does not wait any more, or this browser cannot write that down.');
  };
  return (
    <tr>
      <td>
        <a href={href(['t', entity, ids[0]!])}>{title}</a>
        <div class="muted">{tableTitle(entity)}{ids.length > 1 ? ` and ${countText(ids.length - 1, 'other')}` : ''}</div>
      </td>
      <td data-label="Change"><span><strong class="outbox-kind">{kindWords[kind]}</strong> <span class="outbox-fields">{kind === 'remove' ? '' : fieldsText(entity, fields)}</span></span></td>
      <td data-label="Since"><time dateTime={created.toISOString()} title={momentText(created)}>{agoText(created, nowMs)}</time></td>
      <td data-label="Tries">{isGivenUp ? <span class="muted">discarded unless the attempt under way succeeds</span> : isBehind ? <span class="muted">behind an earlier change</span> : <span>{numberText(tries)}{reason && <div class="muted">{reasonText(reason)}</div>}</span>}</td>
      <td class="number">{!isGivenUp && <Button label={`Discard the change of ${title}`} kind="quiet" icon="remove" isIconOnly onClick={() => void discard()} />}</td>
    </tr>
  );
}

function reasonText(reason: string): string {
  if (reason === 'sign in') return 'asked to sign in';
  if (reason === 'timeout') return 'no answer in time';
  if (reason.startsWith('status ')) return `the server answered ${reason.slice(7)}`;
  return 'not reached';
}
