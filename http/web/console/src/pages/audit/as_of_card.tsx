// Any table as it was at a moment.
import { useState } from 'preact/hooks';
import { go, href } from '../../app/router.ts';
import { definitions } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { Field } from '../../ui/field.tsx';

// In the reader's own time, as <input type="datetime-local"> wants it.
function localText(date: Date): string {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

function startOfToday(): Date {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate());
}

export function AsOfCard() {
  const [entity, setEntity] = useState(definitions()[0]?.name ?? '');
  const [at, setAt] = useState(localText(startOfToday()));
  const moment = new Date(at);
  const isMoment = at !== '' && !Number.isNaN(moment.getTime());
  const show = (event: Event) => {
    event.preventDefault();
    if (isMoment && entity) go(href(['t', entity], { at: moment.toISOString() }));
  };
  return (
    <section class="card" aria-labelledby="as-of-title">
      <div class="card-head"><h2 id="as-of-title">As it was</h2></div>
      <form class="stack" onSubmit={show}>
        <Field label="Table">
          {(ids) => (
            <select {...ids} value={entity} onChange={(event) => setEntity(event.currentTarget.value)}>
              {definitions().map(({ name, title }) => <option key={name} value={name}>{title}</option>)}
            </select>
          )}
        </Field>
        <Field label="Moment" error={isMoment ? null : 'A day and a time.'}>
          {(ids) => <input {...ids} type="datetime-local" value={at} onInput={(event) => setAt(event.currentTarget.value)} />}
        </Field>
        <div class="row"><Button label="Show the table" type="submit" icon="table" disabled={!isMoment} /></div>
      </form>
    </section>
  );
}
