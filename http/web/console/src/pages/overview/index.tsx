// How things stand, on one page; and where to begin when there is nothing yet.
import { useEffect, useMemo } from 'preact/hooks';
import { href } from '../../app/router.ts';
import { canWrite, mayAudit } from '../../app/session.ts';
import { sentenceOf, urlOf } from '../../data/api.ts';
import { definitionOf, definitions, filterParameter } from '../../data/definitions.ts';
import { Badge } from '../../ui/badge.tsx';
import { Bars } from '../../ui/bars.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { PageHead } from '../../ui/page.tsx';
import { countText, numberText } from '../../ui/text.ts';
import { lastMinutes, OverviewSource, type Overview, type Readiness } from './overview_source.ts';

const shownMinutes = 120;

export default function OverviewPage() {
  const source = useMemo(() => new OverviewSource(), []);
  useEffect(() => () => source.close(), []);
  const { overview, readiness, problem, isLoading } = source.state.value;
  const records = overview?.entities?.reduce((sum, one) => sum + one.records, 0);
  const position = overview?.head?.position ?? positionOf(readiness);
  const hasAnswered = overview !== null || readiness !== null;
  return (
    <>
      <PageHead title="Overview" lead="How things stand, now." />
      {problem !== null && <Notice kind="warning">{sentenceOf(problem)}{hasAnswered && ' This is how it was when it last answered.'}</Notice>}
      {!isLoading && position === 0 && <FirstSteps />}
      <ul class="figures">
        {(position !== null || readiness === null) && (
          <Figure label="Events" value={position === null ? '–' : numberText(position)}>
            {overview?.head?.recorded_at ? <>last <Moment value={overview.head.recorded_at} isShort /></> : 'in the log'}
          </Figure>
        )}
        {records !== undefined && <Figure label="Records" value={numberText(records)}>in {countText(overview!.entities!.length, 'table')}</Figure>}
        {overview?.streams !== undefined && <Figure label="Readers" value={numberText(overview.streams)}>connected now</Figure>}
        <Health readiness={readiness} />
      </ul>
      {overview?.minutes && <Activity minutes={overview.minutes} />}
      <div class="overview-columns">
        <Counts entities={overview?.entities ?? null} />
        <QuickLinks head={overview?.head?.cursor ?? readiness?.head ?? null} />
      </div>
    </>
  );
}

// Who may not see the whole log is not told its head.
function positionOf(readiness: Readiness | null): number | null {
  const position = Number.parseInt(readiness?.head ?? '', 10);
  return Number.isNaN(position) ? null : position;
}

function Figure({ label, value, children }: { label: string; value: string; children?: preact.ComponentChildren }) {
  return (
    <li class="card figure">
      <span class="figure-label">{label}</span>
      <strong>{value}</strong>
      <span class="muted">{children}</span>
    </li>
  );
}

function Health({ readiness }: { readiness: Readiness | null }) {
  const troubles = Object.entries(readiness?.checks ?? {}).filter(([, state]) => state !== 'ok');
  const isFine = readiness !== null && troubles.length === 0;
  return (
    <li class="card figure">
      <span class="figure-label">Database</span>
      <strong>{readiness === null ? '–' : isFine ? <Badge kind="good">ready</Badge> : <Badge kind="error">not ready</Badge>}</strong>
      <span class="muted">{isFine ? 'every check is fine' : troubles.map(([name, state]) => `${name}: ${state}`).join('; ')}</span>
    </li>
  );
}

function Activity({ minutes }: { minutes: NonNullable<Overview['minutes']> }) {
  const now = Date.now();
  const bins = lastMinutes(minutes, shownMinutes, now);
  const today = minutes.reduce((sum, { events }) => sum + events, 0);
  const recent = bins.reduce((sum, events) => sum + events, 0);
  const most = Math.max(...bins);
  const at = (index: number) => new Date(now - (shownMinutes - 1 - index) * 60_000).toLocaleTimeString(undefined, { timeStyle: 'short' });
  return (
    <section class="card" aria-label="Events a minute">
      <div class="card-head">
        <h2>Events a minute</h2>
        <span class="muted">{countText(today, 'event')} today · at most {numberText(most)} a minute in the last two hours</span>
      </div>
      <Bars values={bins} top={4} label={`${countText(recent, 'event')} in the last two hours`} titleOf={(index) => `${at(index)}: ${countText(bins[index]!, 'event')}`} />
      <div class="axis muted" aria-hidden="true"><span>{at(0)}</span><span>{at(shownMinutes / 2)}</span><span>now</span></div>
    </section>
  );
}

const maxBranches = 8;

function Counts({ entities }: { entities: NonNullable<Overview['entities']> | null }) {
  return (
    <section class="card" aria-label="Tables">
      <h2>Tables</h2>
      <ul class="counts">
        {definitions().map(({ name, title }) => {
          const counted = entities?.find(({ entity }) => entity === name);
          return (
            <li key={name}>
              <a href={href(['t', name])}>{title}</a>
              <span class="counts-branches">{counted?.branches && <Branches entity={name} branches={counted.branches} />}</span>
              <strong>{counted ? numberText(counted.records) : ''}</strong>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Branches({ entity, branches }: { entity: string; branches: { branch: string | null; records: number }[] }) {
  const definition = definitionOf(entity)!;
  const parameter = filterParameter(definition, definition.branch);
  const largest = [...branches].sort((left, right) => right.records - left.records);
  const others = largest.slice(maxBranches).reduce((sum, { records }) => sum + records, 0);
  return (
    <>
      {largest.slice(0, maxBranches).map(({ branch, records }) => {
        const words = `${branch || 'no branch'} ${numberText(records)}`;
        return parameter ? <a key={branch} class="badge" href={href(['t', entity], { [parameter]: [branch ?? ''] })}>{words}</a> : <Badge key={branch}>{words}</Badge>;
      })}
      {others > 0 && <Badge>others {numberText(others)}</Badge>}
    </>
  );
}

function QuickLinks({ head }: { head: string | null }) {
  return (
    <section class="card" aria-label="Quick links">
      <h2>Quick links</h2>
      <ul class="links">
        {canWrite.value && <li><a href={href(['import'])}><Icon name="import" /> Import a CSV</a></li>}
        <li><a href={href(['stream'])}><Icon name="stream" /> Watch the stream</a></li>
        {mayAudit.value && <li><a href={href(['audit'])}><Icon name="audit" /> Prove the log</a></li>}
        <li><a href={urlOf('/openapi.json')}><Icon name="link" /> The API, as OpenAPI</a></li>
        {mayAudit.value && <li><a href={urlOf('/metrics')}><Icon name="overview" /> Metrics</a></li>}
      </ul>
      {head !== null && <p class="muted small">Head: <code>{head}</code></p>}
    </section>
  );
}

function FirstSteps() {
  const first = definitions()[0]!;
  return (
    <section class="card first-steps" aria-label="First steps">
      <h2>Nothing is kept here yet</h2>
      <ol>
        {canWrite.value && <li><a href={href(['t', first.name])}>Add a record</a> by hand: open a table and press <kbd>n</kbd>.</li>}
        {canWrite.value && <li><a href={href(['import'])}>Import a CSV</a>: it is tried first, and every line that is wrong is shown.</li>}
        <li>Open this page in a second window: what is saved in one is in the other at once.</li>
        <li>Press <kbd>?</kbd> anywhere for the keys.</li>
      </ol>
    </section>
  );
}
