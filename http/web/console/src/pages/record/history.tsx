// What happened to a record, the newest first: who, when, and what changed.
import { useSignal } from '@preact/signals';
import { href } from '../../app/router.ts';
import { api, queryOf, sentenceOf } from '../../data/api.ts';
import type { EntityDefinition } from '../../data/definitions.ts';
import { Badge, type BadgeKind } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Differences, pathText } from '../../ui/difference.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Json } from '../../ui/value.tsx';
import { hasMovedAway, type RecordState } from './record_source.ts';

type Item = RecordState['versions'][number];

export interface HistoryProps {
  definition: EntityDefinition;
  id: string;
  versions: readonly Item[];
  /** The version that is looked at. */
  shown: number | null;
  problem: unknown;
  /** null: the reader may not. */
  onRestore: ((version: number) => void) | null;
}

const maxListed = 200; // then a page at a time
const kinds: Readonly<Record<string, BadgeKind>> = { created: 'good', updated: 'plain', deleted: 'error', reverted: 'accent' };

export function History({ definition, id, versions, shown, problem, onRestore }: HistoryProps) {
  const listed = useSignal(maxListed);
  const latest = versions.at(-1)?.version;
  const newestFirst = versions.slice(-listed.value).reverse();
  const titleOf = (pointer: string) => {
    const [name, ...inside] = pathText(pointer).split(' › ');
    const field = definition.fields.find((one) => one.name === name);
    return [field?.title ?? name, ...inside].join(' › ');
  };
  return (
    <section class="card history" aria-label="History">
      <h2>History</h2>
      {problem !== null && <Notice kind="warning">The history is not here: {sentenceOf(problem)}</Notice>}
      <ol>
        {newestFirst.map((item) => (
          <li key={item.version} class={item.version === shown ? 'history-shown' : undefined}>
            <div class="history-head">
              <a
                href={href(['t', definition.name, id], { version: item.version === latest ? null : item.version })}
                aria-current={item.version === shown ? 'true' : undefined}
              >
                Version {item.version}
              </a>
              {hasMovedAway(item) ? <Badge>moved away</Badge> : <Badge kind={kinds[item.action] ?? 'plain'}>{item.action}</Badge>}
              <span class="muted">{item.actor && `${item.actor} · `}<Moment value={item.recorded_at} isShort /></span>
            </div>
            {item.erased ? <p class="muted">Its content was erased.</p> : <Differences changes={item.changes} titleOf={titleOf} />}
            <div class="row">
              <RawEvent entity={definition.name} id={id} position={item.position} />
              {onRestore && item.version !== latest && item.action !== 'deleted' && !item.erased && (
                <Button label="Restore" kind="quiet" icon="restore" onClick={() => onRestore(item.version)} />
              )}
            </div>
          </li>
        ))}
      </ol>
      {versions.length > listed.value && <Button label="Show earlier versions" onClick={() => (listed.value += maxListed)} />}
    </section>
  );
}

// As it stands in the log; asked for when somebody wants to see it.
function RawEvent({ entity, id, position }: { entity: string; id: string; position: number }) {
  const event = useSignal<unknown>(undefined);
  const load = async () => {
    try {
      const query = queryOf({ resource: entity, id, after: String(position - 1), limit: '1' });
      event.value = (await api<unknown[]>(`/api/events${query}`))[0] ?? null;
    } catch (error) {
      event.value = { problem: sentenceOf(error) };
    }
  };
  return (
    <details class="raw" onToggle={(change) => change.currentTarget.open && event.value === undefined && void load()}>
      <summary>Event {position}</summary>
      {event.value !== undefined && <Json value={event.value} label={`Event ${position}`} />}
    </details>
  );
}
