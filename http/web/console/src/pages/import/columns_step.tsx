// What the file is, where each column goes, and its first rows.
import { sentColumns, type CsvFile } from '../../csv/file.ts';
import type { Encoding, TextForm } from '../../csv/encoding.ts';
import { definitions } from '../../data/definitions.ts';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Field } from '../../ui/field.tsx';
import { Notice } from '../../ui/notice.tsx';
import { agoText, countText, numberText } from '../../ui/text.ts';
import { sizeText } from '../../ui/text_size.ts';
import { BranchNotice } from './branch_notice.tsx';
import type { Column, ImportEntity, Mapping } from './mapping.ts';
import { check, chooseColumn, chosen, csv, entity, forgetUnfinished, importEntity, mapping, notMine, reading, save, takeFile, trial, unfinished } from './state.ts';

const delimiters: Record<number, string> = { 44: 'commas', 59: 'semicolons', 9: 'tabs', 124: 'vertical bars' };
const encodings: Record<Encoding, string> = { 'utf-8': 'UTF-8', 'utf-16le': 'UTF-16 (little end first)', 'utf-16be': 'UTF-16 (big end first)', 'windows-1252': 'Windows-1252 / Latin-1' };

function foundBy({ because, brokenPlaces }: TextForm): string {
  if (because === 'chosen') return 'as you chose';
  if (because === 'mark') return 'said by its byte order mark';
  if (because === 'zero bytes') return 'seen by its zero bytes';
  if (because === 'not UTF-8') return 'it is not UTF-8';
  return because === 'valid' ? 'all of it fits' : `${countText(brokenPlaces, 'place')} do not fit: those rows are rejected`;
}

export function ColumnsStep() {
  const file = csv.value!;
  const found = mapping.value;
  const into = importEntity.value;
  return (
    <>
      {unfinished.value && <GoOn />}
      <FileFacts file={file} />
      {found && into && (
        <>
          {!found.isKnown && (
            <Notice kind="error">
              None of the {numberText(found.columns.length)} columns is a field of {into.title}. Choose another table above, or say below which column is which.
            </Notice>
          )}
          {found.isKnown && found.missing.length > 0 && (
            <Notice kind="warning">
              No column gives {found.missing.map(({ title }) => title).join(', ')}. Rows that are new records will be rejected for it.
            </Notice>
          )}
          {found.isKnown && <BranchNotice entity={into.name} file={file} found={found} />}
          <ColumnTable file={file} into={into} found={found} />
          <Preview file={file} found={found} />
          <div class="row import-bar">
            <Button label="Check with the server" kind="primary" disabled={!found.isKnown || reading.value !== null} onClick={() => void check()} />
            <span class="muted">Nothing is saved by the check.</span>
          </div>
        </>
      )}
    </>
  );
}

function GoOn() {
  const broken = unfinished.value!;
  if (notMine.value) {
    return (
      <Notice kind="warning" action={<Button label="Forget it" onClick={forgetUnfinished} />}>
        The import of this file was broken off after line {numberText(broken.line)}. {notMine.value}
      </Notice>
    );
  }
  return (
    <Notice kind="info" action={<Button label={`Go on after line ${numberText(broken.line)}`} kind="primary" onClick={() => void save(broken)} />}>
      The import of this file was broken off {agoText(broken.savedMs)}, after line {numberText(broken.line)}. What it saved is not saved twice when it goes on.
    </Notice>
  );
}

function FileFacts({ file }: { file: CsvFile }) {
  const { form } = file;
  return (
    <section class="card import-facts">
      <Field label="Table">
        {(ids) => (
          <select
            {...ids}
            value={entity.value}
            onChange={(event) => {
              entity.value = event.currentTarget.value;
              chosen.value = new Map();
              trial.value = null;
            }}
          >
            {definitions().map(({ name, title }) => <option key={name} value={name}>{title}</option>)}
          </select>
        )}
      </Field>
      <Field label="Encoding" hint={foundBy(form)}>
        {(ids) => (
          <select {...ids} value={form.encoding} disabled={reading.value !== null} onChange={(event) => void takeFile(file.file, event.currentTarget.value as Encoding)}>
            {Object.entries(encodings).map(([name, title]) => <option key={name} value={name}>{title}</option>)}
          </select>
        )}
      </Field>
      <dl class="facts">
        <div><dt>Size</dt><dd>{sizeText(file.file.size)}</dd></div>
        <div><dt>Rows</dt><dd>{numberText(file.records)}</dd></div>
        <div><dt>Columns</dt><dd>{numberText(sentColumns(file).length)}, apart by {delimiters[file.header.delimiter]}</dd></div>
        <div><dt>Quotes</dt><dd>{file.isStrict ? 'used properly, or not at all' : 'some are stray: each line stands by itself'}</dd></div>
      </dl>
    </section>
  );
}

const how: Record<Column['how'], string> = {
  'the known file': 'the older system’s column',
  name: 'its name',
  alias: 'another name',
  chosen: 'your choice',
  kept: '',
  ignored: 'bookkeeping of an export',
  refused: 'no field',
};

function ColumnTable({ file, into, found }: { file: CsvFile; into: ImportEntity; found: Mapping }) {
  const isFed = ({ target, how: by }: Column) => target !== null || by === 'refused';
  const fed = found.columns.filter(isFed);
  const others = found.columns.filter((column) => !isFed(column));
  const restTitle = into.fields.find(({ name }) => name === into.rest)?.title;
  const example = (column: Column) => {
    const at = found.columns.indexOf(column);
    return file.preview.map(({ cells }) => cells[at] ?? '').find((cell) => cell !== '') ?? '';
  };
  const rows = (columns: readonly Column[]) =>
    columns.map((column) => <ColumnRow key={found.columns.indexOf(column)} column={column} into={into} example={example(column)} restTitle={restTitle} />);
  const head = <thead><tr><th>Column of the file</th><th>For example</th><th>Goes to</th><th>Found by</th></tr></thead>;
  return (
    <section class="card">
      <h2>Columns</h2>
      {fed.length > 0 && (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Columns that feed a field">
          <table class="plain-table list-table import-columns">{head}<tbody>{rows(fed)}</tbody></table>
        </div>
      )}
      {others.length > 0 && (
        <details open={fed.length === 0}>
          <summary>
            {countText(others.length, fed.length > 0 ? 'further column' : 'column')} {others.length === 1 ? 'is' : 'are'} {restTitle ? `kept as ${others.length === 1 ? 'it is' : 'they are'} in ${restTitle}` : 'not used'}
          </summary>
          <div class="scroll-x" tabIndex={0} role="region" aria-label="Further columns">
            <table class="plain-table list-table import-columns">{head}<tbody>{rows(others)}</tbody></table>
          </div>
        </details>
      )}
    </section>
  );
}

function ColumnRow({ column, into, example, restTitle }: { column: Column; into: ImportEntity; example: string; restTitle: string | undefined }) {
  const isFixed = column.name === '' || column.name.includes(','); // ?map= cannot name it
  const rest = column.how === 'refused' ? 'nothing: choose a field' : column.how === 'ignored' ? 'nothing' : `kept in ${restTitle}`;
  return (
    <tr>
      <th scope="row">{column.name || <span class="nothing">without a name</span>}</th>
      <td data-label="For example" class="import-example" title={example}>{example || <span class="nothing">empty</span>}</td>
      <td data-label="Goes to">
        {isFixed ? rest : (
          <select aria-label={`${column.name} goes to`} value={column.target ?? ''} onChange={(event) => chooseColumn(column.name, event.currentTarget.value)}>
            <option value="">{rest}</option>
            <option value="id">Id</option>
            {into.fields.map(({ name, title, required }) => <option key={name} value={name}>{title}{required ? ' *' : ''}</option>)}
          </select>
        )}
      </td>
      <td data-label="Found by">{column.how === 'chosen' ? <Badge kind="accent">{how.chosen}</Badge> : <span class="muted">{how[column.how]}</span>}</td>
    </tr>
  );
}

const shownRows = 6;

function Preview({ file, found }: { file: CsvFile; found: Mapping }) {
  return (
    <section class="card">
      <h2>First rows</h2>
      <div class="scroll-x import-preview" tabIndex={0} role="region" aria-label="First rows">
        <table class="plain-table">
          <thead><tr><th class="number">Line</th>{found.columns.map(({ name, target }, at) => <th key={at} class={target ? 'import-fed' : undefined}>{name}</th>)}</tr></thead>
          <tbody>
            {file.preview.slice(0, shownRows).map(({ line, cells }) => (
              <tr key={line} class={cells.length === found.columns.length ? undefined : 'import-broken'}>
                <td class="number muted">{line}</td>
                {cells.slice(0, found.columns.length).map((cell, at) => <td key={at}>{cell}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
