// Parameters and body to fill in, and what comes of it.
import { useState } from 'preact/hooks';
import { Button } from '../ui/button.tsx';
import { copy } from '../ui/clipboard.ts';
import { Field } from '../ui/field.tsx';
import { AnswerView } from './answer.tsx';
import { callOf, curlOf, keyOf, type Call, type Filled } from './call.ts';
import { exampleOf, typeText, type Operation, type Parameter, type Reference } from './document.ts';
import { token } from './token.ts';

const isComparison = ({ name, style }: Parameter) => name.includes('[') || style === 'deepObject';

export function TryIt({ operation, reference }: { operation: Operation; reference: Reference }) {
  const bodyTypes = Object.keys(operation.body ?? {});
  const accepts = [...new Set(operation.answers.filter(({ status }) => status.startsWith('2')).flatMap(({ content }) => Object.keys(content ?? {})))];
  const [filled, setFilled] = useState<Omit<Filled, 'token'>>({
    values: {},
    accept: accepts[0] ?? '',
    bodyType: bodyTypes[0] ?? '',
    body: bodyText(operation, reference),
  });
  const [sent, setSent] = useState<Call | null>(null);
  const [isRunning, setRunning] = useState(false);
  const set = (place: string, name: string, value: string) =>
    setFilled((now) => ({ ...now, values: { ...now.values, [keyOf(place, name)]: value } }));
  const call = () => callOf(operation, { ...filled, token: token.value });
  const missing = operation.parameters.filter(({ in: place, name, required }) => required && !filled.values[keyOf(place, name)]);
  const inputs = (parameters: readonly Parameter[]) =>
    parameters.map((parameter) => (
      <ParameterField
        key={keyOf(parameter.in, parameter.name)}
        parameter={parameter}
        value={filled.values[keyOf(parameter.in, parameter.name)] ?? ''}
        reference={reference}
        onChange={(value) => set(parameter.in, parameter.name, value)}
      />
    ));
  const comparisons = operation.parameters.filter(isComparison);
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (missing.length > 0 || isRunning) return;
        setRunning(true);
        setSent(call());
      }}
    >
      {operation.parameters.length > 0 && <div class="parameters">{inputs(operation.parameters.filter((each) => !isComparison(each)))}</div>}
      {comparisons.length > 0 && (
        <details>
          <summary>Comparisons ({comparisons.length})</summary>
          <div class="parameters">{inputs(comparisons)}</div>
        </details>
      )}
      {bodyTypes.length > 1 && <Choice label="Body as" options={bodyTypes} value={filled.bodyType} onChange={(bodyType) => setFilled({ ...filled, bodyType })} />}
      {bodyTypes.length > 0 && (
        <Field label="Body">
          {(ids) => <textarea {...ids} class="code" rows={8} spellcheck={false} value={filled.body} onInput={(event) => setFilled({ ...filled, body: event.currentTarget.value })} />}
        </Field>
      )}
      {accepts.length > 1 && <Choice label="Answer as" options={accepts} value={filled.accept} onChange={(accept) => setFilled({ ...filled, accept })} />}
      <div class="row">
        <Button
          label={operation.method === 'GET' ? 'Try it' : `Send ${operation.method}`}
          kind="primary"
          type="submit"
          isBusy={isRunning}
          disabled={missing.length > 0}
          {...(missing.length > 0 ? { hint: `${missing.map(({ name }) => name).join(', ')} is missing` } : {})}
        />
        <Button label="Copy as curl" icon="copy" onClick={() => void copy(curlOf(call()), 'The command')} />
      </div>
      {sent && <AnswerView call={sent} onEnd={() => setRunning(false)} />}
    </form>
  );
}

function bodyText(operation: Operation, reference: Reference): string {
  const schema = Object.values(operation.body ?? {})[0]?.schema;
  return schema ? JSON.stringify(exampleOf(schema, reference), null, 2) : '';
}

function Choice({ label, options, value, onChange }: { label: string; options: readonly string[]; value: string; onChange: (value: string) => void }) {
  return (
    <Field label={label}>
      {(ids) => (
        <select {...ids} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map((option) => <option key={option} value={option}>{option}</option>)}
        </select>
      )}
    </Field>
  );
}

function ParameterField({ parameter, value, reference, onChange }: { parameter: Parameter; value: string; reference: Reference; onChange: (value: string) => void }) {
  const { name, in: place, description, required = false, schema } = parameter;
  const resolved = schema ? reference.resolve(schema) : {};
  const kind = resolved.type === 'array' ? `${typeText(resolved.items ? reference.resolve(resolved.items) : {})}, several with commas` : typeText(resolved);
  return (
    <Field label={place === 'query' ? name : `${name} (${place})`} required={required} hint={[description, kind].filter(Boolean).join(' · ')}>
      {(ids) => <input {...ids} value={value} placeholder={parameter.example === undefined ? '' : String(parameter.example)} onInput={(event) => onChange(event.currentTarget.value)} />}
    </Field>
  );
}
