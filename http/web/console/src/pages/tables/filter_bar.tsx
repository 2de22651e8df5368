// Search and filters, both in the URL: a view can be linked to, and is there again after a reload.
import { useSignal } from '@preact/signals';
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { place, setParams } from '../../app/router.ts';
import type { EntityDefinition, FieldDefinition } from '../../data/definitions.ts';
import { BranchList } from '../../forms/branch_list.tsx';
import { Control } from '../../forms/control.tsx';
import { controlText, fieldValue, isLong } from '../../forms/convert.ts';
import { Button } from '../../ui/button.tsx';
import { Field } from '../../ui/field.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Menu } from '../../ui/menu.tsx';
import { Suggestions } from '../../ui/suggestions.tsx';
import { valueText } from '../../ui/value.tsx';
import { filterableFields, filtersOf, operatorsOf, parameterOf, wordsOf, type Filter, type Operator } from './table_query.ts';
import type { TableState } from './table_source.ts';

const typingMs = 180;

export interface FilterBarProps {
  definition: EntityDefinition;
  searchRef: RefObject<HTMLInputElement>;
  state: TableState;
  children: ComponentChildren;
}

export function FilterBar({ definition, searchRef, state, children }: FilterBarProps) {
  const params = place.value.params;
  const filters = filtersOf(definition, params);
  return (
    <div class="table-bar">
      {definition.search.length > 0 && <SearchBox definition={definition} inputRef={searchRef} />}
      <Menu button={{ label: 'Filter', icon: 'filter' }}>
        {(close) => <FilterForm definition={definition} rows={state.rows} onDone={close} />}
      </Menu>
      {filters.map((filter) => <FilterChip key={filter.parameter} filter={filter} />)}
      <div class="table-bar-end">{children}</div>
    </div>
  );
}

function SearchBox({ definition, inputRef }: { definition: EntityDefinition; inputRef: RefObject<HTMLInputElement> }) {
  const inUrl = place.value.params.get('search') ?? '';
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    // Back, or a link: but never under somebody's fingers.
    const input = inputRef.current;
    if (input && input.value !== inUrl && document.activeElement !== input) input.value = inUrl;
  }, [inUrl]);
  const now = (text: string) => {
    clearTimeout(timer.current);
    if (text !== (place.value.params.get('search') ?? '')) setParams({ search: text });
  };
  const titles = definition.search.map((name) => definition.fields.find((field) => field.name === name)?.title ?? name);
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        ref={inputRef}
        type="search"
        aria-label={`Search ${definition.title}`}
        title={`Searches ${titles.join(', ')}`}
        placeholder="Search"
        autocomplete="off"
        defaultValue={inUrl}
        onInput={(event) => {
          const text = event.currentTarget.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => now(text), typingMs);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') now(event.currentTarget.value);
          if (event.key !== 'Escape') return;
          event.preventDefault();
          if (event.currentTarget.value === '') return event.currentTarget.blur();
          event.currentTarget.value = '';
          now('');
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}

function FilterChip({ filter }: { filter: Filter }) {
  const { field, operator, values, parameter } = filter;
  const text = values.map((value) => (field ? valueText(field.kind, value) : value) || 'nothing').join(' or ');
  const words = `${field?.title ?? parameter} ${wordsOf(field, operator)} ${text}`;
  return (
    <span class="chip">
      <span>{words}</span>
      <Button kind="quiet" icon="close" isIconOnly label={`Remove the filter: ${words}`} onClick={() => setParams({ [parameter]: null }, 'push')} />
    </span>
  );
}

const maxSuggestions = 50;

function FilterForm({ definition, rows, onDone }: { definition: EntityDefinition; rows: TableState['rows']; onDone: () => void }) {
  const fields = filterableFields(definition);
  const name = useSignal((definition.branch || fields[0]?.name) ?? '');
  const field = fields.find((one) => one.name === name.value) ?? fields[0]!;
  const possible = operatorsOf(definition, field);
  const asked = useSignal<Operator>('');
  const operator = possible.includes(asked.value) ? asked.value : possible[0]!;
  const text = useSignal('');
  const error = useSignal<string | null>(null);
  const apply = (event: Event) => {
    event.preventDefault();
    const parameter = parameterOf(definition, field, operator)!;
    const converted = fieldValue({ ...field, required: false }, text.value);
    if ('error' in converted) return void (error.value = converted.error);
    // Only `is` can ask for those without one.
    if (operator !== '' && (converted.value === null || text.value.trim() === '')) return void (error.value = 'Give a value');
    const value = controlValue(field, converted.value);
    // A second value of the same field: any of them.
    const others = operator === '' ? place.value.params.getAll(parameter).filter((one) => one !== value) : [];
    setParams({ [parameter]: [...others, value] }, 'push');
    onDone();
  };
  return (
    <form class="stack filter-form" onSubmit={apply}>
      <Field label="Field">
        {(ids) => (
          <select {...ids} value={field.name} onChange={(event) => { name.value = event.currentTarget.value; text.value = ''; error.value = null; }}>
            {fields.map((one) => <option key={one.name} value={one.name}>{one.title}</option>)}
          </select>
        )}
      </Field>
      <Field label="How">
        {(ids) => (
          <select {...ids} value={operator} onChange={(event) => (asked.value = event.currentTarget.value as Operator)}>
            {possible.map((one) => <option key={one} value={one}>{wordsOf(field, one)}</option>)}
          </select>
        )}
      </Field>
      <Field label="Value" error={error.value} hint={operator === '' ? 'Leave it empty for records without a value.' : undefined}>
        {(ids) => (
          <>
            <Control field={shortOf(field)} ids={ids} list={`${ids.id}-known`} text={text.value} onText={(value) => (text.value = value)} />
            {field.name === definition.branch ? <BranchList id={`${ids.id}-known`} entity={definition.name} /> : <Suggestions id={`${ids.id}-known`} values={valuesOf(field, rows)} />}
          </>
        )}
      </Field>
      <Button type="submit" kind="primary" label="Apply" />
    </form>
  );
}

function controlValue(field: FieldDefinition, value: unknown): string {
  return field.kind === 'timestamp' ? String(value ?? '') : controlText(field, value);
}

// A text is asked for on one line, also where a form gives it more.
const shortOf = (field: FieldDefinition): FieldDefinition => (isLong(field) ? { ...field, name: '' } : field);

// What is known of a text.
function valuesOf(field: FieldDefinition, rows: TableState['rows']): string[] {
  const known = new Set<string>();
  if (field.kind !== 'text' || field.options) return [];
  for (const row of rows) {
    const value = row[field.name];
    if (typeof value === 'string' && value !== '') known.add(value);
    if (known.size >= maxSuggestions) break;
  }
  return [...known].sort();
}
