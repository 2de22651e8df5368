// The control that a field's kind asks for.
import type { FieldDefinition } from '../data/definitions.ts';
import type { ControlIds } from '../ui/field.tsx';
import { isLong } from './convert.ts';

export interface ControlProps {
  field: FieldDefinition;
  text: string;
  ids: ControlIds;
  /** The id of a list of what is known of the field. */
  list?: string | undefined;
  onText: (text: string) => void;
}

const inputTypes: Partial<Record<FieldDefinition['kind'], string>> = { date: 'date', time: 'time', timestamp: 'datetime-local' };
const jsonRows = 5;

export function Control({ field, text, ids, list, onText }: ControlProps) {
  const onInput = (event: Event) => onText((event.currentTarget as HTMLInputElement).value);
  const common = { ...ids, name: field.name, onInput };
  if (field.options || field.kind === 'boolean') {
    const options = field.options ?? ['true', 'false'];
    return (
      <select {...common} value={text} onChange={onInput}>
        {(!field.required || text === '') && <option value="">–</option>}
        {text !== '' && !options.includes(text) && <option value={text}>{text}</option>}
        {options.map((option) => <option key={option} value={option}>{field.kind === 'boolean' ? (option === 'true' ? 'yes' : 'no') : option}</option>)}
      </select>
    );
  }
  if (field.kind === 'object' || field.kind === 'array') {
    return <textarea {...common} class="code" rows={Math.min(14, Math.max(jsonRows, text.split('\n').length))} spellcheck={false} value={text} placeholder={field.kind === 'array' ? '[ ]' : '{ }'} />;
  }
  if (isLong(field)) return <textarea {...common} value={text} />;
  const type = inputTypes[field.kind] ?? 'text';
  const isNumber = field.kind === 'number' || field.kind === 'integer';
  return (
    <input
      {...common}
      type={type}
      value={text}
      autocomplete="off"
      list={list}
      step={type === 'date' || type === 'text' ? undefined : 1}
      inputMode={isNumber ? 'decimal' : undefined}
    />
  );
}
