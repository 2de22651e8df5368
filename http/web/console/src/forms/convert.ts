// Between a field's value and the text in its control. Pure.
import type { FieldDefinition } from '../data/definitions.ts';

const pad = (number: number) => String(number).padStart(2, '0');

/** The local time as a datetime control writes it. */
function localText(value: string): string {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return value;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** What stands in the control; '' for no value. */
export function controlText(field: FieldDefinition, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (field.kind === 'timestamp' && typeof value === 'string') return localText(value);
  if (field.kind === 'object' || field.kind === 'array') return JSON.stringify(value, null, 2);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export type Converted = { value: unknown } | { error: string };

/** What a control's text means. An empty one is no value, and clears the field. */
export function fieldValue(field: FieldDefinition, text: string): Converted {
  const isBlank = text.trim() === '';
  if (isBlank && (field.kind !== 'text' || text === '' || !isLong(field))) return field.required ? { error: 'is required' } : { value: null };
  switch (field.kind) {
    case 'number':
    case 'integer':
      return numberOf(field, text.trim());
    case 'boolean':
      return { value: text === 'true' };
    case 'timestamp':
      return timestampOf(text);
    case 'object':
    case 'array':
      return jsonOf(field, text);
    case 'text':
      return textOf(field, isLong(field) ? text : text.trim());
    case 'time':
      return { value: /^\d\d:\d\d$/.test(text) ? `${text}:00` : text }; // browsers leave out seconds that are zero
    default:
      return { value: text };
  }
}

function textOf(field: FieldDefinition, text: string): Converted {
  if (field.maxLength && [...text].length > field.maxLength) return { error: `has more than ${field.maxLength} characters` };
  return { value: text };
}

function numberOf(field: FieldDefinition, text: string): Converted {
  const number = Number(text.replace(/^(-?\d+),(\d+)$/, '$1.$2')); // 1,5 as many write it
  if (!Number.isFinite(number)) return { error: 'must be a number' };
  if (field.kind === 'integer' && !Number.isSafeInteger(number)) return { error: 'must be a whole number' };
  return { value: number };
}

function timestampOf(text: string): Converted {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? { error: 'must be a day and a time' } : { value: date.toISOString() };
}

function jsonOf(field: FieldDefinition, text: string): Converted {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { error: `is no JSON: ${(error as Error).message}` };
  }
  const isArray = Array.isArray(value);
  if (field.kind === 'array') return isArray ? { value } : { error: 'must be a list: [ … ]' };
  return typeof value === 'object' && value !== null && !isArray ? { value } : { error: 'must be an object: { … }' };
}

const longNames = /note|description|reason|address|remark|message|comment/;

/** Worth more than one line. */
export const isLong = (field: FieldDefinition): boolean => field.kind === 'text' && !field.options && longNames.test(field.name);
