// Events by actor, branch and time, the newest first, and the way to undo a selection of them.
import { useComputed } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { href, place, setParams } from '../../app/router.ts';
import { person } from '../../app/session.ts';
import { isAbort, sentenceOf } from '../../data/api.ts';
import { definitionOf, definitions, hasRoute } from '../../data/definitions.ts';
import { BranchList } from '../../forms/branch_list.tsx';
import { Badge, type BadgeKind } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Field } from '../../ui/field.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { countText, numberText } from '../../ui/text.ts';
import { findEvents, searchNames, searchOf, type FoundEvent, type Search } from './search.ts';
import { UndoDialog } from './undo_dialog.tsx';

const kinds: Record<FoundEvent['action'], BadgeKind> = { created: 'good', updated: 'plain', deleted: 'error', reverted: 'accent' };

export function WhoDidWhat() {
  const asked = useComputed(() => JSON.stringify(searchOf(place.value.params))).value;
  const search = JSON.parse(asked) as Search;
  const [events, setEvents] = useState<readonly FoundEvent[]>([]);
  const [before, setBefore] = useState<number | null>(null);
  const [state, setState] = useState<'busy' | 'done' | 'failed'>('busy');
  const [problem, setProblem] = useState<unknown>(null);
  const [undoes, setUndoes] = useState(false);
  const underWay = useRef<AbortController | null>(null);

  const load = async (from: number | null) => {
    underWay.current?.abort();
    const given = new AbortController();
    underWay.current = given;
    setState('busy');
    try {
      const page = await findEvents(search, from, given.signal);
      setEvents((now) => (from === null ? page.events : [...now, ...page.events]));
      setBefore(page.before);
      setState('done');
    } catch (error) {
      if (isAbort(error)) return;
      setProblem(error);
      setState('failed');
    }
  };
  useEffect(() => {
    setUndoes(false); // somebody followed a link in it
    void load(null);
    return () => underWay.current?.abort();
  }, [asked]);

  return (
    <section class="card" aria-labelledby="who-title">
      <div class="card-head">
        <h2 id="who-title">Who did what</h2>
        <UndoButton search={search} onClick={() => setUndoes(true)} />
      </div>
      <Filters key={asked} search={search} />
      {state === 'failed' && <Notice kind="error" action={<Button label="Try again" onClick={() => void load(null)} />}>{sentenceOf(problem)}</Notice>}
      {events.length > 0 && <Events events={events} />}
      {events.length === 0 && state === 'done' && before === null && <Empty>No event matches.</Empty>}
      <div class="row" role="status">
        {state === 'busy' && <span class="muted">Looking…</span>}
        {state === 'done' && before !== null && (
          <>
            <Button label="Further back" icon="down" onClick={() => void load(before)} />
            <span class="muted">{countText(events.length, 'event')} found down to position {numberText(before)}</span>
          </>
        )}
        {state === 'done' && before === null && events.length > 0 && <span class="muted">{countText(events.length, 'event')}, all there are</span>}
      </div>
      {undoes && (
        <UndoDialog
          search={search}
          onClose={(hasChanged) => {
            setUndoes(false);
            if (hasChanged) void load(null);
          }}
        />
      )}
    </section>
  );
}

// A branch cannot be undone by itself: a selection is by who, by request or by time.
function UndoButton({ search, onClick }: { search: Search; onClick: () => void }) {
  const mayUndo = person.value === null || person.value.role === 'admin';
  if (!mayUndo || !hasRoute('/api/admin/undo')) return null;
  const names = Boolean(search.actor || search.request_id || search.from || search.to);
  const fits = names && !search.branch;
  const why = search.branch ? 'An undo takes no branch' : 'To undo, choose who, a request or a time first';
  return (
    <div class="row">
      {!fits && <span class="muted small">{why}</span>}
      <Button label="Undo these…" icon="restore" opens="dialog" disabled={!fits} onClick={onClick} />
    </div>
  );
}

// Times in the URL are moments; the fields show them in the reader's own time.
const toField = (moment: string | undefined): string => {
  const date = new Date(moment ?? '');
  if (Number.isNaN(date.getTime())) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
const toMoment = (text: string): string | null => (text === '' ? null : new Date(text).toISOString());

function Filters({ search }: { search: Search }) {
  const apply = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(given.get(name) ?? '').trim();
    setParams(
      {
        actor: text('actor'),
        branch: text('branch'),
        resource: text('resource'),
        request_id: text('request_id'),
        from: toMoment(text('from')),
        to: toMoment(text('to')),
      },
      'push',
    );
  };
  const clear = () => setParams(Object.fromEntries(searchNames.map((name) => [name, null])), 'push');
  return (
    <form class="audit-filters" onSubmit={apply}>
      <Field label="Who">{(ids) => <input {...ids} name="actor" defaultValue={search.actor ?? ''} />}</Field>
      <Field label="Branch">
        {(ids) => (
          <>
            <input {...ids} name="branch" list={`${ids.id}-known`} autocomplete="off" defaultValue={search.branch ?? ''} />
            <BranchList id={`${ids.id}-known`} />
          </>
        )}
      </Field>
      <Field label="Table">
        {(ids) => (
          <select {...ids} name="resource" defaultValue={search.resource ?? ''}>
            <option value="">All</option>
            {definitions().map(({ name, title }) => <option key={name} value={name}>{title}</option>)}
          </select>
        )}
      </Field>
      <Field label="From">{(ids) => <input {...ids} name="from" type="datetime-local" defaultValue={toField(search.from)} />}</Field>
      <Field label="To">{(ids) => <input {...ids} name="to" type="datetime-local" defaultValue={toField(search.to)} />}</Field>
      <Field label="Request">{(ids) => <input {...ids} name="request_id" defaultValue={search.request_id ?? ''} />}</Field>
      <div class="row">
        <Button label="Find" type="submit" icon="search" />
        <Button label="Clear" kind="quiet" disabled={Object.keys(search).length === 0} onClick={clear} />
      </div>
    </form>
  );
}

function Events({ events }: { events: readonly FoundEvent[] }) {
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Events found">
      <table class="plain-table">
        <thead>
          <tr><th>When</th><th>Who</th><th>What</th><th>Branch</th><th>Request</th><th class="number">Position</th></tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={event.position}>
              <td><Moment value={event.recorded_at} isShort /></td>
              <td>{event.actor ? <a href={href(['audit'], { actor: event.actor })}>{event.actor}</a> : <span class="nothing">nobody</span>}</td>
              <td>
                <Badge kind={kinds[event.action]}>{event.action}</Badge>{' '}
                <a href={href(['t', event.resource, event.id], { version: event.version })}>
                  {definitionOf(event.resource)?.title ?? event.resource} {event.id}
                </a>
              </td>
              <td>{branchText(event)}</td>
              <td>{event.request_id && <a class="code" href={href(['audit'], { request_id: event.request_id })}>{event.request_id}</a>}</td>
              <td class="number">{numberText(event.position)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function branchText({ branch, previous_branch: before }: FoundEvent): string {
  if (before === undefined) return branch ?? '';
  return `${before ?? 'none'} → ${branch ?? 'none'}`;
}
