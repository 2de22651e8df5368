// The stream of events, as every reader gets it: live, with what it says about itself.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { announce } from '../../app/announcer.ts';
import { useKeys } from '../../app/keyboard.ts';
import { href, place, setParams } from '../../app/router.ts';
import { definitions } from '../../data/definitions.ts';
import type { LogEvent, StreamMarker } from '../../data/live_stream.ts';
import { BranchList } from '../../forms/branch_list.tsx';
import { Badge, type BadgeKind } from '../../ui/badge.tsx';
import { Bars } from '../../ui/bars.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Field } from '../../ui/field.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Moment } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page.tsx';
import { countText, numberText } from '../../ui/text.ts';
import { Json } from '../../ui/value.tsx';
import { maxEntries, rateSeconds, StreamTail, type TailEntry } from './stream_tail.ts';

const filterNames = ['resource', 'branch', 'id', 'action'] as const;
const actions = ['created', 'updated', 'deleted', 'reverted'];
const states: Readonly<Record<string, { words: string; kind: BadgeKind }>> = {
  connecting: { words: 'connecting', kind: 'plain' },
  'catching up': { words: 'catching up', kind: 'plain' },
  live: { words: 'live', kind: 'good' },
  away: { words: 'not connected', kind: 'warning' },
};

export default function Stream() {
  const params = place.value.params;
  const filters = new URLSearchParams(filterNames.flatMap((name) => params.getAll(name).filter((value) => value !== '').map((value) => [name, value])));
  const question = filters.toString();
  const tail = useMemo(() => new StreamTail(filters, definitions()[0]!.name), [question]);
  useEffect(() => () => tail.close(), [tail]);
  const isPaused = useSignal(false);
  useEffect(() => tail.pause(isPaused.value), [tail, isPaused.value]);
  const toggle = () => {
    isPaused.value = !isPaused.value;
    announce(isPaused.value ? 'Paused' : 'Going on');
  };
  useKeys('Stream', { ' ': { label: isPaused.value ? 'Go on' : 'Pause', run: toggle }, c: { label: 'Clear the list', run: () => tail.clear() } });
  const state = states[tail.state.value]!;
  return (
    <>
      <PageHead
        title="Stream"
        lead="Every change, in order, as every reader gets it."
        actions={
          <>
            <Button
              label={isPaused.value ? 'Go on' : 'Pause'}
              hint={isPaused.value && tail.waiting.value > 0 ? `${numberText(tail.waiting.value)}${tail.waiting.value >= maxEntries ? '+' : ''} waiting` : 'Space'}
              icon={isPaused.value ? 'play' : 'pause'}
              isPressed={isPaused.value}
              onClick={toggle}
            />
            <Button label="Clear" onClick={() => tail.clear()} />
          </>
        }
      />
      <Filters />
      <section class="card stream-rate" aria-label="Rate">
        <Rate tail={tail} />
        <dl>
          <div><dt>State</dt><dd><Badge kind={state.kind}>{state.words}</Badge></dd></div>
          <div><dt>Cursor</dt><dd><code>{tail.cursor.value || '–'}</code></dd></div>
          <div><dt>Seen here</dt><dd>{countText(tail.seen.value, 'event')}</dd></div>
        </dl>
      </section>
      <section class="card stream-list" aria-label="Events">
        {tail.entries.value.length === 0 ? <Empty>Nothing has come yet. What somebody saves appears here at once.</Empty> : <Entries entries={tail.entries.value} />}
      </section>
    </>
  );
}

function Filters() {
  const params = place.value.params;
  const change = (name: string) => (event: Event) => setParams({ [name]: (event.currentTarget as HTMLInputElement).value });
  return (
    <form class="stream-filters" onSubmit={(event) => event.preventDefault()}>
      <Field label="Table">
        {(ids) => (
          <select {...ids} value={params.get('resource') ?? ''} onChange={change('resource')}>
            <option value="">all</option>
            {definitions().map(({ name, title }) => <option key={name} value={name}>{title}</option>)}
          </select>
        )}
      </Field>
      <Field label="Action">
        {(ids) => (
          <select {...ids} value={params.get('action') ?? ''} onChange={change('action')}>
            <option value="">all</option>
            {actions.map((action) => <option key={action} value={action}>{action}</option>)}
          </select>
        )}
      </Field>
      <TextFilter label="Branch" name="branch" offers={(id) => <BranchList id={id} />} />
      <TextFilter label="Record id" name="id" />
    </form>
  );
}

const typingMs = 400;

// Applied as one types. Not on `change`: a browser tells of that when the field goes with its page, and the text would come
// into the address of the next one.
function TextFilter({ label, name, offers }: { label: string; name: string; offers?: (listId: string) => ComponentChildren }) {
  const inUrl = place.value.params.get(name) ?? '';
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    // Back, or a link: but never under somebody's fingers.
    if (input.current && document.activeElement !== input.current) input.current.value = inUrl;
  }, [inUrl]);
  const apply = (text: string) => {
    clearTimeout(timer.current);
    if (text !== (place.value.params.get(name) ?? '')) setParams({ [name]: text });
  };
  return (
    <Field label={label}>
      {(ids) => (
        <>
          <input
            {...ids}
            ref={input}
            type="text"
            list={offers && `${ids.id}-known`}
            placeholder="all"
            title="Applied as you type"
            autocomplete="off"
            defaultValue={inUrl}
            onInput={(event) => {
              const text = event.currentTarget.value.trim();
              clearTimeout(timer.current);
              timer.current = setTimeout(() => apply(text), typingMs);
            }}
            onKeyDown={(event) => event.key === 'Enter' && apply(event.currentTarget.value.trim())}
          />
          {offers?.(`${ids.id}-known`)}
        </>
      )}
    </Field>
  );
}

function Rate({ tail }: { tail: StreamTail }) {
  const rates = tail.rates.value;
  const sum = rates.reduce((all, one) => all + one, 0);
  return (
    <figure>
      <Bars values={rates} top={5} label={`${countText(sum, 'event')} in the last ${rateSeconds} seconds`} />
      <figcaption class="muted">{countText(sum, 'event')} in the last minute · {numberText(rates.at(-1) ?? 0)} in the last second</figcaption>
    </figure>
  );
}

function Entries({ entries }: { entries: readonly TailEntry[] }) {
  return (
    <ol class="tail">
      {entries.map((entry) => <li key={entry.key}>{'event' in entry ? <Event event={entry.event} /> : <Marker marker={entry.marker} />}</li>)}
    </ol>
  );
}

const kinds: Readonly<Record<string, BadgeKind>> = { created: 'good', updated: 'plain', deleted: 'error', reverted: 'accent' };

function Event({ event }: { event: LogEvent }) {
  const isOpen = useSignal(false);
  const moved = event.previous_branch ? `${event.previous_branch} → ` : '';
  return (
    <details onToggle={(change) => (isOpen.value = change.currentTarget.open)}>
      <summary>
        <span class="tail-position">{event.position}</span>
        <span class="tail-time"><Moment value={event.recorded_at} isShort /></span>
        <span class="tail-action"><Badge kind={kinds[event.action] ?? 'plain'}>{event.action}</Badge></span>
        <span class="tail-record"><span class="muted">{event.resource}</span> {event.id} <span class="muted">v{event.version}</span></span>
        <span class="tail-branch">{moved}{event.branch}</span>
        <span class="tail-actor muted">{event.actor}</span>
      </summary>
      {isOpen.value && (
        <div class="tail-open">
          <Json value={event} label={`Event ${event.position}`} />
          <a href={href(['t', event.resource, event.id])}>Open {event.id}</a>
        </div>
      )}
    </details>
  );
}

function Marker({ marker }: { marker: StreamMarker }) {
  const isTrouble = marker.kind !== 'hello' && marker.kind !== 'caught up';
  return (
    <p class={isTrouble ? 'tail-marker tail-trouble' : 'tail-marker'}>
      <Icon name={isTrouble ? 'warning' : 'info'} /> {markerText(marker)}
    </p>
  );
}

function markerText(marker: StreamMarker): string {
  switch (marker.kind) {
    case 'hello':
      return `The stream starts behind ${marker.cursor}.`;
    case 'caught up':
      return `Caught up at ${marker.cursor}. What follows is live.`;
    case 'gap':
      return `Gap: something between ${marker.from} and ${marker.to} was not received.`;
    case 'resync':
      return `Resync (${marker.reason}): what was held is of another history. It goes on from ${marker.cursor}.`;
    case 'bye':
      return `The server ended the stream: ${marker.reason}.`;
    case 'lost':
      return `Connection lost (${marker.reason}). Tried again in ${(marker.retryMs / 1000).toFixed(1)} s.`;
    case 'refused':
      return `The server refused the stream: ${marker.detail}`;
  }
}
