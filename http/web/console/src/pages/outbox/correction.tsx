// A change that is wrong in itself: its fields again, with what the backend says of each.
import { useState } from 'preact/hooks';
import type { Row } from '../../../../client/src/entity.ts';
import { definitionOf, type EntityDefinition } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { Field } from '../../ui/field.tsx';
import { Notice } from '../../ui/notice.tsx';
import type { Deciding } from './attention_card.tsx';
import { fieldTitle } from './words.ts';

const isJson = (value: unknown): boolean => typeof value === 'object' && value !== null;
const textOf = (value: unknown): string => (value === null || value === undefined ? '' : isJson(value) ? JSON.stringify(value, null, 2) : String(value));

/** What a person typed, as the value that the field takes; undefined: it is no JSON. */
export function typed(definition: EntityDefinition | undefined, name: string, text: string, before: unknown): unknown {
  const kind = definition?.fields.find((field) => field.name === name)?.kind ?? (isJson(before) ? 'object' : typeof before);
  if (text === '') return null;
  if (kind === 'object' || kind === 'array') {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  const number = Number(text.trim());
  return (kind === 'number' || kind === 'integer') && text.trim() !== '' && !Number.isNaN(number) ? number : text;
}

export function Correction({ item, decide, discard }: Deciding & { discard: () => Promise<void> }) {
  const { entity, mine, problem } = item;
  const definition = definitionOf(entity);
  const errors = new Map((problem.errors ?? []).map(({ pointer, detail }) => [pointer.split('/')[1] ?? '', detail]));
  // What is missing must be written here too.
  const names = [...new Set([...Object.keys(mine), ...[...errors.keys()].filter((name) => name !== '' && name !== 'id')])];
  const [texts, setTexts] = useState<Row>({});
  const [isBusy, setBusy] = useState(false);
  const textFor = (name: string) => (texts[name] as string | undefined) ?? textOf(mine[name]);
  const wrong = names.filter((name) => texts[name] !== undefined && typed(definition, name, textFor(name), mine[name]) === undefined);
  const send = async () => {
    setBusy(true);
    const fields: Row = { ...mine };
    for (const name of Object.keys(texts)) fields[name] = typed(definition, name, textFor(name), mine[name]);
    await decide(fields);
    setBusy(false);
  };
  const whole = errors.get('');
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong.length === 0) void send();
      }}
    >
      {whole && <Notice kind="error">{whole}</Notice>}
      <div class="two-columns">
        {names.map((name) => (
          <Field key={name} label={fieldTitle(definition, [name])} error={wrong.includes(name) ? 'is no JSON' : (texts[name] === undefined ? (errors.get(name) ?? null) : null)}>
            {(ids) =>
              isJson(mine[name]) || ['object', 'array'].includes(definition?.fields.find((field) => field.name === name)?.kind ?? '') ? (
                <textarea {...ids} class="code" value={textFor(name)} onInput={(event) => setTexts({ ...texts, [name]: event.currentTarget.value })} />
              ) : (
                <input {...ids} value={textFor(name)} onInput={(event) => setTexts({ ...texts, [name]: event.currentTarget.value })} />
              )
            }
          </Field>
        ))}
      </div>
      <div class="row">
        <Button label="Send it again" kind="primary" type="submit" isBusy={isBusy} disabled={wrong.length > 0} />
        <Button label="Discard" kind="danger" onClick={() => void discard()} />
      </div>
    </form>
  );
}
