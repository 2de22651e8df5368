// Columns, and the same rows for other programs.
import { useSignal } from '@preact/signals';
import { go, href, place } from '../../app/router.ts';
import { token } from '../../app/session.ts';
import { toast, toastProblem } from '../../app/toasts.ts';
import { queryOf, request, urlOf } from '../../data/api.ts';
import { bookkeepingFields, type EntityDefinition, type FieldDefinition } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { copy } from '../../ui/clipboard.ts';
import { download } from '../../ui/download.ts';
import { Menu } from '../../ui/menu.tsx';
import { queryPairs } from '../../../../client/src/query.ts';
import { curlCommand, defaultColumns, leadField, listQuery } from './table_query.ts';

export interface TableToolsProps {
  definition: EntityDefinition;
  columns: readonly FieldDefinition[];
  /** null: as the definition has them. */
  onColumns: (names: string[] | null) => void;
}

export function TableTools({ definition, columns, onColumns }: TableToolsProps) {
  const isExporting = useSignal(false);
  const run = async () => {
    isExporting.value = true;
    await exportCsv(definition);
    isExporting.value = false;
  };
  const at = place.value.params.get('at');
  const query = queryOf(new URLSearchParams([...queryPairs(listQuery(place.value.params)), ...(at ? [['at', at]] : [])] as string[][] as [string, string][]));
  const url = urlOf(`/api/${definition.name}${query}`);
  return (
    <>
      <Menu button={{ label: 'Columns', icon: 'columns' }} edge="end">
        {() => <ColumnChooser definition={definition} columns={columns} onColumns={onColumns} />}
      </Menu>
      <Menu
        button={{ label: 'More', icon: 'more', isIconOnly: true, isBusy: isExporting.value }}
        edge="end"
        items={[
          { label: 'Export CSV', icon: 'export', run: () => void run() },
          { label: 'Import CSV', icon: 'import', run: () => go(href(['import'], { entity: definition.name })) },
          { label: 'Copy as curl', icon: 'copy', run: () => void copy(curlCommand(url, 'application/json', token.value !== null), 'The command was') },
          { label: 'Copy link to this view', icon: 'link', run: () => void copy(location.href, 'The link was') },
        ]}
      />
    </>
  );
}

function ColumnChooser({ definition, columns, onColumns }: TableToolsProps) {
  const lead = leadField(definition);
  const shown = new Set(columns.map(({ name }) => name));
  const toggle = (name: string) => {
    const names = new Set(shown);
    if (!names.delete(name)) names.add(name);
    onColumns([...names]);
  };
  const isDefault = [...shown].sort().join() === [...new Set([...defaultColumns(definition), lead])].sort().join();
  return (
    <fieldset class="column-list">
      <legend class="visually-hidden">Columns that are shown</legend>
      {[...definition.fields, ...bookkeepingFields].map(({ name, title }) => (
        <label key={name} class="check">
          <input type="checkbox" checked={shown.has(name)} disabled={name === lead} onChange={() => toggle(name)} />
          {title}
        </label>
      ))}
      {!isDefault && <Button label="As they were" kind="quiet" icon="restore" onClick={() => onColumns(null)} />}
    </fieldset>
  );
}

// A whole list that is read while others write may miss a row that moves; one of a moment does not.
async function exportCsv(definition: EntityDefinition): Promise<void> {
  const params = new URLSearchParams(queryPairs(listQuery(place.value.params)));
  const done = toast(`Preparing ${definition.title} as CSV`, { keep: true });
  try {
    const at = place.value.params.get('at') ?? (await headCursor(definition.name));
    if (at) params.set('at', at);
    const answer = await request(`/api/${definition.name}${queryOf(params)}`, { accept: 'text/csv', timeoutMs: 60_000 });
    const day = new Date().toISOString().slice(0, 10);
    download(await answer.blob(), `${definition.name}-${day}.csv`);
    done();
  } catch (error) {
    done();
    toastProblem('Nothing was exported', error);
  }
}

async function headCursor(entity: string): Promise<string | null> {
  const answer = await request(`/api/${entity}?limit=1`);
  await answer.text();
  return answer.headers.get('Sync-Position');
}
