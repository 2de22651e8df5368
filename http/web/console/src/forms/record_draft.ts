// A form's state: what was there when it was opened, what somebody wrote, what others did meanwhile. Nothing of others is
// overwritten unseen: what was changed under the form is either taken over, or shown beside the field that somebody wrote in.
import { signal } from '@preact/signals';
import type { Row } from '../../../client/src/entity.ts';
import { patchTo, sameValue } from '../../../client/src/merge.ts';
import type { FieldError } from '../../../client/src/problem.ts';
import type { EntityDefinition, FieldDefinition } from '../data/definitions.ts';
import { controlText, fieldValue } from './convert.ts';

export class RecordDraft {
  readonly texts = signal<Readonly<Record<string, string>>>({});
  readonly errors = signal<Readonly<Record<string, string>>>({});
  /** Errors that belong to no field. */
  readonly general = signal<readonly string[]>([]);
  /** Fields that somebody writes here and somebody else has changed → what stands there. */
  readonly theirs = signal<Readonly<Record<string, unknown>>>({});
  /** The record was deleted under the form. */
  readonly isGone = signal(false);
  #base: Row;

  /** `base` null: a new record. */
  constructor(readonly definition: EntityDefinition, base: Row | null) {
    this.#base = base ?? {};
    const texts: Record<string, string> = {};
    for (const field of definition.fields) texts[field.name] = controlText(field, this.#base[field.name]);
    this.texts.value = texts;
  }

  set(field: FieldDefinition, text: string): void {
    this.texts.value = { ...this.texts.value, [field.name]: text };
    if (this.errors.value[field.name]) this.errors.value = without(this.errors.value, field.name);
  }

  isChanged(field: FieldDefinition): boolean {
    return this.texts.value[field.name] !== controlText(field, this.#base[field.name]);
  }

  get isDirty(): boolean {
    return this.definition.fields.some((field) => this.isChanged(field));
  }

  /** Others saved the record while the form is open; null: deleted it. */
  noteCurrent(current: Row | null): void {
    this.isGone.value = current === null;
    if (!current) return;
    const texts = { ...this.texts.value };
    const theirs = { ...this.theirs.value };
    for (const field of this.definition.fields) {
      const { name } = field;
      if (sameValue(current[name], this.#base[name])) continue;
      const text = controlText(field, current[name]);
      if (!this.isChanged(field) || texts[name] === text) {
        texts[name] = text;
        delete theirs[name];
      } else theirs[name] = current[name];
    }
    this.#base = { ...current };
    this.texts.value = texts;
    this.theirs.value = theirs;
  }

  /** What stands there comes into the form. */
  takeTheirs(field: FieldDefinition): void {
    this.texts.value = { ...this.texts.value, [field.name]: controlText(field, this.theirs.value[field.name]) };
    this.theirs.value = without(this.theirs.value, field.name);
  }

  /** What somebody wrote here is meant, knowing what stands there. */
  keepMine(field: FieldDefinition): void {
    this.theirs.value = without(this.theirs.value, field.name);
  }

  get hasConflicts(): boolean {
    return Object.keys(this.theirs.value).length > 0;
  }

  /**
   * The fields to send, or null when something in them is wrong, which is then said: of a record that is there a merge patch, so
   * that a name which is taken out of an object's text goes, and what others put into it stays.
   */
  fields(isNew: boolean): Row | null {
    const fields: Row = {};
    const errors: Record<string, string> = {};
    for (const field of this.definition.fields) {
      const text = this.texts.value[field.name] ?? '';
      // An empty field of a new record gets what the definition has for it.
      if (isNew ? text === '' && (!field.required || field.default !== undefined) : !this.isChanged(field)) continue;
      const converted = fieldValue(field, text);
      if ('error' in converted) errors[field.name] = converted.error;
      else fields[field.name] = converted.value;
    }
    this.errors.value = errors;
    this.general.value = [];
    if (Object.keys(errors).length > 0) return null;
    return isNew ? fields : patchTo(this.#base, fields);
  }

  /** What the backend said, beside the fields that it is about. */
  refuse(refusals: readonly FieldError[], otherwise: string): void {
    const errors: Record<string, string> = {};
    const general: string[] = [];
    for (const { pointer, detail } of refusals) {
      const [name = '', ...inside] = pointer.split('/').slice(1);
      if (!this.definition.fields.some((field) => field.name === name)) general.push(pointer ? `${pointer.slice(1)}: ${detail}` : detail);
      else errors[name] = inside.length > 0 ? `${inside.join(' › ')}: ${detail}` : detail;
    }
    this.errors.value = errors;
    this.general.value = refusals.length === 0 ? [otherwise] : general;
  }
}

function without<T>(from: Readonly<Record<string, T>>, name: string): Record<string, T> {
  const { [name]: _, ...rest } = from;
  return rest as Record<string, T>;
}
