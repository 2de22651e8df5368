// A table: the live rows of one entity as the URL asks for them, and everything that is done from there.
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Row } from '../../../../client/src/entity.ts';
import { announce } from '../../app/announcer.ts';
import { useKeys } from '../../app/keyboard.ts';
import type { PageProps } from '../../app/pages.ts';
import { remember, remembered } from '../../app/remembered.ts';
import { go, href, place, setParams } from '../../app/router.ts';
import { canWrite } from '../../app/session.ts';
import { isOffline, sync } from '../../app/sync.ts';
import { toastProblem } from '../../app/toasts.ts';
import { RefusedError, sentenceOf } from '../../data/api.ts';
import { definitionOf, hasRoute, infoOf, isOrdered, type EntityDefinition, type FieldDefinition } from '../../data/definitions.ts';
import { RecordForm } from '../../forms/record_form.tsx';
import { removeWithUndo } from '../../forms/record_actions.ts';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Grid, type GridColumn, type GridHandle, type GridRow } from '../../ui/grid.tsx';
import { Notice } from '../../ui/notice.tsx';
import { PageHead } from '../../ui/page.tsx';
import { countText, momentText, numberText } from '../../ui/text.ts';
import { valueText } from '../../ui/value.tsx';
import { FilterBar } from './filter_bar.tsx';
import { AllTables } from './all_tables.tsx';
import { TableTools } from './table_tools.tsx';
import { columnsOf, filtersOf, leadField, listQuery, nextSort, sortOf, widthOf } from './table_query.ts';
import { countOf, maxRows, TableSource, type TableState } from './table_source.ts';

export default function Tables({ at }: PageProps) {
  const entity = at['entity'];
  if (entity === undefined) return <AllTables />;
  const definition = definitionOf(entity);
  if (!definition) {
    return (
      <Notice kind="error" action={<a class="button" href={href(['t'])}>All tables</a>}>
        This server has no table with the name {entity}.
      </Notice>
    );
  }
  return <Table definition={definition} />;
}

const keptColumnsName = (entity: string) => `columns ${entity}`;

function Table({ definition }: { definition: EntityDefinition }) {
  const params = place.value.params;
  const moment = params.get('at');
  const grid = useRef<GridHandle | null>(null);
  const question = JSON.stringify([listQuery(params), moment]);
  const source = useMemo(() => {
    return new TableSource(sync.collection(definition.name), infoOf(definition), listQuery(params), moment);
  }, [definition, question]);
  useEffect(() => () => source.close(), [source]);
  // While the answer to a new question is on its way, the old one stays.
  const before = useRef<TableState | null>(null);
  const isAnswered = !source.state.value.isFirstLoad;
  const state = isAnswered ? source.state.value : (before.current ?? source.state.value);
  before.current = state;
  useEffect(() => grid.current?.toTop(), [source]);
  const active = useSignal<string | null>(null);
  const form = useSignal<{ record: Row | null } | null>(null);
  const total = useSignal<number | null>(null);
  const search = useRef<HTMLInputElement>(null);
  const keptColumns = useSignal(remembered(keptColumnsName(definition.name)) as string[] | null);
  const columnNames = params.get('columns');
  const shownFields = useComputed(() => columnsOf(definition, place.value.params, keptColumns.value)).value;
  const sortText = params.get('sort');
  // By the first rows that came; later ones do not move the columns.
  const hasRows = state.rows.length > 0;
  const widths = useMemo(() => new Map(shownFields.map((field) => [field.name, widthOf(definition, field, state.rows)])), [definition, columnNames, keptColumns.value, hasRows]);
  const columns = useMemo(() => gridColumns(definition, shownFields, params, widths), [widths, sortText]);
  const isPlain = Object.keys(listQuery(params)).every((name) => name === 'sort') && moment === null;

  useEffect(() => {
    total.value = null;
    if (!state.isFirstLoad && !state.isComplete && isPlain && hasRoute('/api/admin/overview')) {
      countOf(definition.name).then((count) => (total.value = count), () => {});
    }
  }, [source, isAnswered]);
  useEffect(() => {
    if (isAnswered) announce(countLine(state, total.value));
  }, [source, isAnswered]);

  const rowOf = (id: string | null) => (id === null ? undefined : state.rows.find((row) => row['id'] === id));
  const open = (row: GridRow) => go(href(['t', definition.name, String(row['id'])], moment ? { at: moment } : {}));
  const edit = async (row: GridRow) => {
    // The library changes what it knows: it may have the row from a page that it did not read.
    try {
      const { record } = await sync.collection(definition.name).get(String(row['id']));
      if (record) form.value = { record };
    } catch (error) {
      toastProblem(`${String(row['id'])} cannot be edited now`, error);
    }
  };
  const mayChange = canWrite.value && moment === null;
  const step = (by: number) => {
    const at = state.rows.findIndex((row) => row['id'] === active.value);
    const last = state.rows.length - 1;
    const next = at < 0 ? (by === Infinity ? last : 0) : Math.min(last, Math.max(0, at + by));
    const row = state.rows[next];
    if (!row) return;
    active.value = String(row['id']);
    grid.current?.show(next);
    if (document.activeElement === document.body) grid.current?.focus();
  };
  const latestStep = useRef(step);
  latestStep.current = step;
  const stepSoon = (by: number) => setTimeout(() => latestStep.current(by)); // when the rows are there
  const toEnd = async () => {
    try {
      await source.toEnd();
      active.value = null;
      stepSoon(Infinity);
    } catch (error) {
      toastProblem('The last rows cannot be read now', error);
    }
  };
  const toStart = async () => {
    if (state.isFromEnd) await source.reload();
    grid.current?.toTop();
    active.value = null;
    stepSoon(-Infinity);
  };
  const withActive = (run: (row: Row) => void) => () => {
    const row = rowOf(active.value);
    if (row) run(row);
  };
  useKeys(definition.title, {
    '/': { label: 'Search', run: () => search.current?.focus() },
    j: { label: 'Next row', run: () => step(1) },
    k: { label: 'Previous row', run: () => step(-1) },
    ArrowDown: { label: 'Next row', run: () => step(1), isHidden: true },
    ArrowUp: { label: 'Previous row', run: () => step(-1), isHidden: true },
    PageDown: { label: 'A page down', run: () => step(grid.current?.page() ?? 10), isHidden: true },
    PageUp: { label: 'A page up', run: () => step(-(grid.current?.page() ?? 10)), isHidden: true },
    Home: { label: 'First row', run: () => void toStart(), isHidden: true },
    End: { label: 'Last row', run: () => void toEnd(), isHidden: true },
    Enter: { label: 'Open the row', run: withActive(open) },
    ...(mayChange && {
      n: { label: 'New record', run: () => (form.value = { record: null }) },
      e: { label: 'Edit the row', run: withActive((row) => void edit(row)) },
      Delete: { label: 'Delete the row', run: withActive((row) => void removeWithUndo(definition, row)) },
    }),
    ...(state.waiting > 0 && { '.': { label: 'Show new rows', run: () => showNew() } }),
  });
  const showNew = () => {
    source.showWaiting();
    if (state.isFromEnd) stepSoon(Infinity);
    else grid.current?.toTop();
  };
  const lead = leadField(definition);
  const cell = useMemo(() => (row: GridRow, column: GridColumn) => <CellText definition={definition} lead={lead} row={row} column={column} at={moment} />, [definition, moment]);
  const isCutAtEnd = !state.isComplete && !state.isFromEnd;
  const count = Math.max(state.rows.length, isCutAtEnd && total.value !== null ? Math.min(total.value, maxRows) : 0);

  return (
    <>
      <PageHead
        title={definition.title}
        lead={definition.description}
        actions={mayChange && <Button label="New" icon="add" kind="primary" onClick={() => (form.value = { record: null })} />}
      />
      <FilterBar definition={definition} searchRef={search} state={state}>
        <TableTools
          definition={definition}
          columns={shownFields}
          onColumns={(names) => {
            keptColumns.value = names;
            remember(keptColumnsName(definition.name), names);
            setParams({ columns: names?.join(',') });
          }}
        />
      </FilterBar>
      {moment !== null && (
        <Notice kind="info" action={<Button label="Back to now" onClick={() => setParams({ at: null })} />}>
          The table as it was at {/^\d+(-[0-9a-f]+)?$/.test(moment) ? `position ${moment}` : momentText(moment)}. It cannot be changed.
        </Notice>
      )}
      {state.problem !== null && <TableProblem problem={state.problem} onRetry={() => void source.reload()} />}
      {state.source === 'cache' && !state.isFirstLoad && (
        <Notice kind="warning">
          {isOffline.value ? 'The backend is away.' : 'The backend did not answer.'} These rows are what this browser knows
          {state.asOf ? `, as of ${momentText(state.asOf)}` : ''}. They follow by themselves when it is back.
        </Notice>
      )}
      <div class="table-box">
        {state.waiting > 0 && (
          <button type="button" class="table-new" onClick={showNew}>{countText(state.waiting, 'new row')} – show</button>
        )}
        {!state.isFirstLoad && state.rows.length === 0 && state.problem === null ? (
          <NoRows definition={definition} isFiltered={!isPlain} onAdd={mayChange ? () => (form.value = { record: null }) : null} />
        ) : (
          <Grid
            label={definition.title}
            columns={columns}
            rows={state.rows}
            count={state.isFirstLoad ? 0 : count}
            isCounted={state.isComplete}
            active={active}
            onActivate={(id) => (active.value = id)}
            cell={cell}
            tools={(row) => (
              <>
                {mayChange && <Button kind="quiet" icon="edit" label="Edit (e)" isIconOnly onClick={() => void edit(row)} />}
                {mayChange && <Button kind="quiet" icon="remove" label="Delete" isIconOnly onClick={() => void removeWithUndo(definition, row)} />}
                <Button kind="quiet" icon="right" label="Open (Enter)" isIconOnly onClick={() => open(row)} />
              </>
            )}
            onOpen={open}
            onSort={(column) => setParams({ sort: nextSort(definition, place.value.params, column.name) }, 'push')}
            flashOf={(id) => source.flashes.get(id)}
            onSeen={(first, last) => source.want(first, last)}
            growsUpwards={state.isFromEnd}
            onTop={(isAtTop) => (source.isAtTop = isAtTop)}
            handle={grid}
          />
        )}
      </div>
      <p class="table-foot">
        <span>{state.isFirstLoad ? 'Loading' : state.problem !== null && state.rows.length === 0 ? '' : countLine(state, total.value)}</span>
        {state.isFromEnd && <button type="button" class="link-button" onClick={() => void toStart()}>To the first</button>}
        {isCutAtEnd && !state.isFirstLoad && state.rows.length > 0 && <button type="button" class="link-button" onClick={() => void toEnd()}>To the last</button>}
      </p>
      {form.value && <RecordForm definition={definition} record={form.value.record} onClose={() => (form.value = null)} />}
    </>
  );
}

function countLine(state: TableState, total: number | null): string {
  const loaded = state.rows.length;
  if (state.isComplete) return countText(loaded, 'record');
  if (state.isFromEnd) return total !== null && total >= loaded ? `The last ${numberText(loaded)} of ${countText(total, 'record')}` : `The last ${countText(loaded, 'record')}`;
  if (total !== null && total >= loaded) return countText(total, 'record');
  return loaded >= maxRows ? `The first ${countText(loaded, 'record')}: search or filter for others` : `More than ${countText(loaded, 'record')}`;
}

function gridColumns(
  definition: EntityDefinition,
  fields: readonly FieldDefinition[],
  params: URLSearchParams,
  widths: ReadonlyMap<string, number>,
): GridColumn[] {
  const [first] = sortOf(definition, params);
  return fields.map((field) => ({
    name: field.name,
    title: field.title,
    widthPx: widths.get(field.name)!,
    isNumber: field.kind === 'number' || field.kind === 'integer',
    canSort: isOrdered(field),
    ...(first?.field === field.name ? { sorted: first.isDown ? ('down' as const) : ('up' as const) } : {}),
  }));
}

interface CellProps {
  definition: EntityDefinition;
  lead: string;
  row: GridRow;
  column: GridColumn;
  at: string | null;
}

function CellText({ definition, lead, row, column, at }: CellProps) {
  const field = definition.fields.find(({ name }) => name === column.name);
  const kind = field?.kind ?? (column.name.endsWith('_at') ? 'timestamp' : column.isNumber ? 'integer' : 'text');
  const text = valueText(kind, row[column.name]);
  if (column.name !== lead) return <>{text}</>;
  const id = String(row['id']);
  const isUnsent = at === null && sync.collection(definition.name).isUnsent(id);
  return (
    <>
      <a class={text ? 'grid-link' : 'grid-link grid-no-name'} href={href(['t', definition.name, id], at ? { at } : {})} tabIndex={-1}>{text || id}</a>
      {isUnsent && <span class="grid-unsent" title="Kept here, not sent yet"><span class="visually-hidden">not sent yet</span></span>}
    </>
  );
}

function TableProblem({ problem, onRetry }: { problem: unknown; onRetry: () => void }) {
  const isQuestion = problem instanceof RefusedError && problem.problem.status === 400;
  const clear = () => go(href(place.value.path));
  return (
    <Notice kind="error" action={isQuestion ? <Button label="Clear search and filters" onClick={clear} /> : <Button label="Try again" onClick={onRetry} />}>
      {sentenceOf(problem)}
    </Notice>
  );
}

function NoRows({ definition, isFiltered, onAdd }: { definition: EntityDefinition; isFiltered: boolean; onAdd: (() => void) | null }) {
  if (isFiltered) {
    const clear = () => {
      const names = ['search', 'at', ...filtersOf(definition, place.value.params).map(({ parameter }) => parameter)];
      setParams(Object.fromEntries(names.map((name) => [name, null])));
    };
    return <Empty action={<Button label="Clear search and filters" onClick={clear} />}>Nothing in {definition.title} matches.</Empty>;
  }
  return (
    <Empty
      action={
        <div class="row">
          {onAdd && <Button label="Add the first" kind="primary" icon="add" onClick={onAdd} />}
          <a class="button" href={href(['import'], { entity: definition.name })}>Import a CSV</a>
        </div>
      }
    >
      There is nothing in {definition.title} yet.
    </Empty>
  );
}
