// Adds or edits a record, in a panel made from the entity's definition.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Row } from '../../../client/src/entity.ts';
import { go, href, keepPlace } from '../app/router.ts';
import { person } from '../app/session.ts';
import { sync } from '../app/sync.ts';
import { toast } from '../app/toasts.ts';
import { RefusedError, sentenceOf } from '../data/api.ts';
import { titleOf, type EntityDefinition, type FieldDefinition } from '../data/definitions.ts';
import { Button } from '../ui/button.tsx';
import { confirm } from '../ui/confirm.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { Notice } from '../ui/notice.tsx';
import { plainText } from '../ui/text.ts';
import { valueText } from '../ui/value.tsx';
import { BranchList } from './branch_list.tsx';
import { Control } from './control.tsx';
import { isLong } from './convert.ts';
import { RecordDraft } from './record_draft.ts';

export interface RecordFormProps {
  definition: EntityDefinition;
  /** null: a new record. */
  record: Row | null;
  onClose: () => void;
}

// Who writes in one branch need not name it.
function prefilled({ branch }: EntityDefinition): Row | null {
  const branches = person.value?.branches;
  return branch && branches?.length === 1 ? { [branch]: branches[0] } : null;
}

const conflictCodes = new Set(['stale_version', 'precondition_failed']);

export function RecordForm({ definition, record, onClose }: RecordFormProps) {
  const draft = useMemo(() => new RecordDraft(definition, record ?? prefilled(definition)), []);
  const isSaving = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  const collection = sync.collection(definition.name);
  const id = record ? String(record['id']) : null;

  useEffect(() => {
    form.current?.querySelector<HTMLElement>('input, select, textarea')?.focus();
    if (id === null) return undefined;
    return collection.watch({
      onChange: (ids) => ids.includes(id) && !isSaving.value && draft.noteCurrent(collection.known(id)),
      onReload: () => {},
    });
  }, []);

  const focusWrong = () => setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus());
  useEffect(() => keepPlace({ mustAsk: () => draft.isDirty, ask: async () => mayClose(), leave: onClose }), []);
  const save = async () => {
    const fields = draft.fields(id === null);
    if (!fields) return void focusWrong();
    if (draft.hasConflicts) return void (draft.general.value = ['Others changed fields that you are writing: decide at each of them.']);
    if (id !== null && Object.keys(fields).length === 0) return onClose();
    isSaving.value = true;
    try {
      const holder = id === null ? await holderOfKey(definition, fields) : null;
      if (holder !== null) {
        draft.refuse([{ pointer: `/${definition.key}`, detail: `belongs to ${holder} already` }], '');
        return void focusWrong();
      }
      const options = { refused: 'throw' } as const;
      const saved = id === null ? await collection.add(fields, options) : await collection.update(id, fields, options);
      onClose();
      said(definition, saved.record, id === null, saved.warning);
    } catch (error) {
      refused(draft, error);
      focusWrong();
    } finally {
      isSaving.value = false;
    }
  };
  const mayClose = () =>
    !draft.isDirty || confirm({ title: 'Leave without saving?', text: 'What you wrote in this form is not kept.', action: 'Leave' });

  return (
    <Dialog
      side
      title={id === null ? `New in ${definition.title}` : `Edit ${id}`}
      onClose={onClose}
      mayClose={mayClose}
      actions={
        <>
          <Button label="Cancel" onClick={async () => (await mayClose()) && onClose()} />
          <Button label={id === null ? 'Add' : 'Save'} kind="primary" isBusy={isSaving.value} onClick={() => void save()} />
        </>
      }
    >
      <form
        ref={form}
        class="record-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!isSaving.value) void save();
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !isSaving.value) void save();
        }}
      >
        {draft.isGone.value && <Notice kind="warning">This record was deleted meanwhile{person.value?.branches ? ', or is no longer in your branches' : ''}. Saving will be refused.</Notice>}
        {draft.general.value.map((text) => <Notice key={text} kind="error">{text}</Notice>)}
        {definition.fields.map((field) => <FormField key={field.name} draft={draft} field={field} isNew={id === null} />)}
        <button type="submit" class="visually-hidden" tabIndex={-1} aria-hidden="true">Save</button>
      </form>
    </Dialog>
  );
}

function FormField({ draft, field, isNew }: { draft: RecordDraft; field: FieldDefinition; isNew: boolean }) {
  const { name } = field;
  const isBranch = name === draft.definition.branch && field.kind === 'text' && !field.options;
  const hasTheirs = Object.hasOwn(draft.theirs.value, name);
  return (
    <div class={isShort(field) ? 'form-field' : 'form-field form-wide'}>
      <Field label={field.title} required={field.required} error={draft.errors.value[name] ?? null} hint={hintOf(field, isNew)}>
        {(ids) => (
          <>
            <Control field={field} ids={ids} list={isBranch ? `${ids.id}-known` : undefined} text={draft.texts.value[name] ?? ''} onText={(text) => draft.set(field, text)} />
            {isBranch && <BranchList id={`${ids.id}-known`} entity={draft.definition.name} />}
          </>
        )}
      </Field>
      {hasTheirs && (
        <div class="form-theirs" role="alert">
          <p>Changed meanwhile by others to <strong>{valueText(field.kind, draft.theirs.value[name]) || 'nothing'}</strong></p>
          <Button label="Take theirs" onClick={() => draft.takeTheirs(field)} />
          <Button label="Keep mine" onClick={() => draft.keepMine(field)} />
        </div>
      )}
    </div>
  );
}

// Two of them fit beside each other.
const isShort = (field: FieldDefinition): boolean => field.kind !== 'object' && field.kind !== 'array' && !isLong(field);

function hintOf(field: FieldDefinition, isNew: boolean): string | undefined {
  const parts: string[] = [];
  if (field.description) parts.push(field.description);
  if (isNew && field.default !== undefined && field.default !== null) parts.push(`Unless given: ${plainText(field.default)}`);
  if (field.kind === 'object') parts.push('JSON, an object');
  if (field.kind === 'array') parts.push('JSON, a list');
  if (field.unique) parts.push('No two records have the same');
  return parts.length > 0 ? `${parts.join('. ')}.` : undefined;
}

// A save with a natural key that exists means that record; whoever fills in the form of a new one does not.
async function holderOfKey(definition: EntityDefinition, fields: Row): Promise<string | null> {
  const key = definition.key ? fields[definition.key] : undefined;
  if (key === undefined || key === null || key === '') return null;
  const query = { [`${definition.key}[gte]`]: String(key), [`${definition.key}[lte]`]: String(key), limit: 1 };
  const { rows } = await sync.collection(definition.name).load(query);
  return rows[0] ? String(rows[0]['id']) : null;
}

function said(definition: EntityDefinition, record: Row, isNew: boolean, warning: string | undefined): void {
  const id = String(record['id']);
  const title = titleOf(definition, record);
  if (warning) return void toast(warning, { whenBack: '' });
  toast(isNew ? `${title} added` : `${title} saved`, isNew ? { action: { label: 'Open', run: () => go(href(['t', definition.name, id])) } } : {});
}

function refused(draft: RecordDraft, error: unknown): void {
  if (!(error instanceof RefusedError)) return draft.refuse([], sentenceOf(error));
  const { problem } = error;
  if (problem.current && conflictCodes.has(problem.code)) {
    draft.noteCurrent(problem.current);
    draft.refuse([], 'Somebody else saved this record meanwhile. What stands there now is shown beside the fields.');
    return;
  }
  draft.refuse(problem.errors ?? [], sentenceOf(error));
}
