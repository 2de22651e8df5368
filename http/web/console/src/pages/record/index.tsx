// One record: its fields, everything that ever happened to it, and the way back to any of that.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Row } from '../../../../client/src/entity.ts';
import { sameValue } from '../../../../client/src/merge.ts';
import { useKeys } from '../../app/keyboard.ts';
import type { PageProps } from '../../app/pages.ts';
import { go, href, param, setParams } from '../../app/router.ts';
import { canWrite, person } from '../../app/session.ts';
import { toast, toastProblem } from '../../app/toasts.ts';
import { sentenceOf } from '../../data/api.ts';
import { definitionOf, type EntityDefinition } from '../../data/definitions.ts';
import { removeWithUndo, restore } from '../../forms/record_actions.ts';
import { RecordForm } from '../../forms/record_form.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { PageHead } from '../../ui/page.tsx';
import { Value, valueText } from '../../ui/value.tsx';
import { History } from './history.tsx';
import { hasMovedAway, RecordSource, type VersionView } from './record_source.ts';

export default function RecordPage({ at }: PageProps) {
  const definition = definitionOf(at['entity']!);
  if (!definition) return <Notice kind="error">This server has no table with the name {at['entity']}.</Notice>;
  return <RecordView definition={definition} id={at['id']!} />;
}

function RecordView({ definition, id }: { definition: EntityDefinition; id: string }) {
  const source = useMemo(() => new RecordSource(definition.name, id), []);
  useEffect(() => () => source.close(), []);
  // What the form was opened with: it stays, with what somebody wrote, when the record goes.
  const edited = useSignal<Row | null>(null);
  const { record, versions, problem, historyProblem, isLoading, fromCache } = source.state.value;
  const latest = versions.at(-1);
  const asked = Number(param('version')) || null;
  const moment = param('at');
  useEffect(() => {
    // A link from a table of the past names a moment, not a version.
    if (moment === null || versions.length === 0) return;
    const then = versionAt(versions, moment);
    setParams({ at: null, version: then === latest?.version ? null : then });
  }, [moment, versions.length > 0]);
  const shownVersion = asked !== null && asked !== latest?.version ? asked : null;
  useEffect(() => {
    if (shownVersion !== null && latest) void source.look(shownVersion);
  }, [shownVersion, latest?.version]);
  const past = shownVersion === null ? null : (source.past.value.get(shownVersion) ?? null);
  const name = nameOf(definition, record ?? past?.record ?? null);
  const mayChange = canWrite.value && record !== null;
  // For who sees some branches a record that moves to another one ends; what is told of that end names nobody.
  const wasSeen = useRef(false);
  if (record) wasSeen.current = true;
  const hasLeft = !record && !isLoading && person.value?.branches != null && (latest ? hasMovedAway(latest) : wasSeen.current);
  const isUncertain = latest !== undefined && latest.action !== 'deleted'; // its history has not been told yet
  const goneWords = hasLeft
    ? 'This record is no longer in your branches.'
    : versions.length > 0
      ? 'This record is deleted. Any of its versions can be brought back.'
      : 'There is no record with this id.';
  const mayRestore = canWrite.value && !hasLeft;

  const bringBack = async (version: number) => {
    try {
      await restore(definition.name, id, version, latest?.action === 'deleted' ? 0 : latest?.version);
      setParams({ version: null });
      toast(`Version ${version} is back, as a new version`);
    } catch (error) {
      toastProblem(`Version ${version} was not brought back`, error);
    }
  };
  const remove = async () => {
    if (record && (await removeWithUndo(definition, record))) go(href(['t', definition.name]));
  };
  const step = (by: number) => {
    const here = versions.findIndex(({ version }) => version === (shownVersion ?? latest?.version));
    const next = versions[Math.min(versions.length - 1, Math.max(0, here + by))];
    if (next) setParams({ version: next === latest ? null : next.version });
  };
  useKeys('Record', {
    ...(mayChange && { e: { label: 'Edit', run: () => (edited.value = record) } }),
    j: { label: 'Earlier version', run: () => step(-1) },
    k: { label: 'Later version', run: () => step(1) },
    u: { label: `Back to ${definition.title}`, run: () => go(href(['t', definition.name])) },
  });

  return (
    <>
      <PageHead
        title={name || id}
        crumbs={<a href={href(['t', definition.name])}>{definition.title}</a>}
        lead={name && <code>{id}</code>}
        actions={
          mayChange && (
            <>
              <Button label="Edit" icon="edit" kind="primary" onClick={() => (edited.value = record)} />
              <Button label="Delete" icon="remove" kind="danger" onClick={() => void remove()} />
            </>
          )
        }
      />
      {problem !== null && <Notice kind="error" action={<Button label="Try again" onClick={() => source.load()} />}>{sentenceOf(problem)}</Notice>}
      {fromCache && <Notice kind="warning">The backend is away: this is what this browser knows of the record.</Notice>}
      {!isLoading && !record && !isUncertain && problem === null && (versions.length === 0 || shownVersion === null) && (
        <Notice kind="info">{goneWords}</Notice>
      )}
      {(record || versions.length > 0) && (
        <div class="record">
          <div class="stack">
            {versions.length > 1 && <TimeSlider versions={versions} shown={shownVersion ?? latest!.version} />}
            {shownVersion !== null && (
              <PastNotice view={past} version={shownVersion} mayRestore={mayRestore && past?.record != null} onRestore={() => void bringBack(shownVersion)} />
            )}
            <Fields definition={definition} record={shownVersion === null ? record : (past?.record ?? null)} now={shownVersion === null ? null : record} />
          </div>
          <History
            definition={definition}
            id={id}
            versions={versions}
            shown={shownVersion ?? latest?.version ?? null}
            problem={historyProblem}
            onRestore={mayRestore ? (version) => void bringBack(version) : null}
          />
        </div>
      )}
      {edited.value && <RecordForm definition={definition} record={edited.value} onClose={() => (edited.value = null)} />}
    </>
  );
}

const nameOf = (definition: EntityDefinition, record: Row | null): string => {
  const field = definition.search[0];
  return record && field ? valueText('text', record[field]) : '';
};

function versionAt(versions: readonly { version: number; position: number; recorded_at: string }[], moment: string): number | null {
  const position = /^(\d+)(-[0-9a-f]+)?$/.exec(moment)?.[1];
  const isBefore = (one: { position: number; recorded_at: string }) =>
    position ? one.position <= Number(position) : Date.parse(one.recorded_at) <= Date.parse(moment);
  return versions.filter(isBefore).at(-1)?.version ?? null;
}

const sliderMs = 60;

function TimeSlider({ versions, shown }: { versions: readonly { version: number; recorded_at: string; action: string }[]; shown: number }) {
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const index = Math.max(0, versions.findIndex(({ version }) => version === shown));
  const here = useSignal(index);
  useEffect(() => {
    here.value = index;
  }, [index]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const one = versions[here.value] ?? versions[index]!;
  const last = versions.length - 1;
  const choose = (next: number) => {
    here.value = next;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParams({ version: next === last ? null : versions[next]!.version }), sliderMs);
  };
  return (
    <section class="card slider" aria-label="Time">
      <div class="card-head">
        <label for="version-slider">Version {one.version} of {versions[last]!.version}</label>
        <span class="muted"><Moment value={one.recorded_at} /></span>
      </div>
      <input
        id="version-slider"
        type="range"
        min={0}
        max={last}
        step={1}
        value={here.value}
        aria-valuetext={`version ${one.version}, ${one.action}`}
        onInput={(event) => choose(Number(event.currentTarget.value))}
      />
    </section>
  );
}

interface PastNoticeProps {
  view: VersionView | null;
  version: number;
  mayRestore: boolean;
  onRestore: () => void;
}

function PastNotice({ view, version, mayRestore, onRestore }: PastNoticeProps) {
  const actions = (
    <div class="row">
      {mayRestore && <Button label="Restore this version" icon="restore" onClick={onRestore} />}
      <Button label="Back to now" onClick={() => setParams({ version: null })} />
    </div>
  );
  if (!view) return <Notice action={actions}>Version {version} is on its way.</Notice>;
  if (view.problem !== null) return <Notice kind="warning" action={actions}>{sentenceOf(view.problem)}</Notice>;
  return <Notice action={actions}>{view.record ? `Version ${version}, as it was. What differs from now is marked.` : `Version ${version} is a deletion.`}</Notice>;
}

function Fields({ definition, record, now }: { definition: EntityDefinition; record: Row | null; now: Row | null }) {
  if (!record) return null;
  return (
    <section class="card" aria-label="Fields">
      <dl class="fields">
        {definition.fields.map(({ name, title, kind }) => {
          const differs = now !== null && !sameValue(now[name], record[name]);
          return (
            <div key={name} class={differs ? 'fields-differ' : undefined}>
              <dt>{title}</dt>
              <dd>
                <Value kind={kind} value={record[name]} />
                {differs && <span class="fields-now">now: {valueText(kind, now[name]) || 'nothing'}</span>}
              </dd>
            </div>
          );
        })}
      </dl>
      <p class="fields-foot">
        {typeof record['version'] === 'number' ? <Badge>version {record['version']}</Badge> : <Badge kind="warning">not sent yet</Badge>}
        {typeof record['position'] === 'number' && <Badge>position {record['position']}</Badge>}
        {typeof record['created_at'] === 'string' && <span>created <Moment value={record['created_at']} /></span>}
        {typeof record['updated_at'] === 'string' && <span>changed <Moment value={record['updated_at']} /></span>}
      </p>
    </section>
  );
}

