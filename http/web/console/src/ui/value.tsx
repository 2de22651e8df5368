// One value of a record, as its field's kind wants it. Always as text: whatever stands in it is never taken for markup.
import type { FieldKind } from '../data/definitions.ts';
import { dayText, momentText, numberText, plainText } from './text.ts';

/** On one line; '' for no value. */
export function valueText(kind: FieldKind, value: unknown): string {
  if (value === null || value === undefined || value === '') return '';
  switch (kind) {
    case 'boolean':
      return value === true ? 'yes' : value === false ? 'no' : plainText(value);
    case 'number':
      return typeof value === 'number' ? numberText(value) : plainText(value);
    case 'integer':
      return typeof value === 'number' ? numberText(value) : plainText(value);
    case 'date':
      return typeof value === 'string' ? dayText(value) : plainText(value);
    case 'timestamp':
      return typeof value === 'string' ? momentText(value) : plainText(value);
    case 'array':
      return Array.isArray(value) ? (value.length === 0 ? '[]' : plainText(value)) : plainText(value);
    default:
      return plainText(value);
  }
}

/** With line breaks, and objects laid out. */
export function Value({ kind, value }: { kind: FieldKind; value: unknown }) {
  if (value === null || value === undefined || value === '') return <span class="nothing" title="no value">–</span>;
  if (typeof value === 'object') return <Json value={value} />;
  return <span class="value">{valueText(kind, value)}</span>;
}

export function Json({ value, label }: { value: unknown; label?: string }) {
  return <pre class="json" tabIndex={0} role="region" aria-label={label ?? 'JSON'}>{JSON.stringify(value, null, 2)}</pre>;
}
