// Three versions side by side: what one began from, what one wrote, what others saved. One choice for each field that differs.
import { useState } from 'preact/hooks';
import { applyToRecord, patchOf, sameValue, type FieldMerge } from '../../../../client/src/merge.ts';
import type { Row } from '../../../../client/src/entity.ts';
import { definitionOf, type FieldKind } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { Value } from '../../ui/value.tsx';
import type { Deciding } from './attention_card.tsx';
import { fieldTitle } from './words.ts';

type Pick = 'mine' | 'theirs' | 'other';
interface Picked {
  side: Pick;
  text: string;
}

const keyOf = ({ path }: FieldMerge): string => JSON.stringify(path);
// Where only one side changed a field there is nothing to decide.
const given = (field: FieldMerge): Picked | undefined =>
  field.conflict ? undefined : { side: sameValue(field.mine, field.base) ? 'theirs' : 'mine', text: '' };

export function Merge({ item, decide }: Deciding) {
  const { entity, fields, theirs } = item;
  const definition = definitionOf(entity);
  const [picks, setPicks] = useState<ReadonlyMap<string, Picked>>(new Map());
  const [isBusy, setBusy] = useState(false);
  const pickOf = (field: FieldMerge) => picks.get(keyOf(field)) ?? given(field);
  const kindOf = (field: FieldMerge): FieldKind | undefined => (field.path.length === 1 ? definition?.fields.find(({ name }) => name === field.path[0])?.kind : undefined);
  const chosen = (field: FieldMerge): unknown => {
    const pick = pickOf(field);
    if (pick?.side === 'mine') return field.mine;
    return pick?.side === 'other' ? pick.text : undefined;
  };
  const patch = patchOf(fields, chosen);
  const result = applyToRecord(theirs, patch);
  const open = fields.filter((field) => pickOf(field) === undefined).length;
  const choose = (field: FieldMerge, picked: Picked) => setPicks(new Map(picks).set(keyOf(field), picked));
  const all = (side: Pick) => setPicks(new Map(fields.map((field) => [keyOf(field), { side, text: '' }])));
  const send = async () => {
    setBusy(true);
    await decide(Object.keys(patch).length === 0 ? 'theirs' : patch);
    setBusy(false);
  };
  return (
    <div class="stack">
      <div class="scroll-x" tabIndex={0} role="region" aria-label="The versions side by side">
        <table class="plain-table list-table merge">
          <thead><tr><th>Field</th><th>When you began</th><th>Yours</th><th>Theirs</th><th>Result</th></tr></thead>
          <tbody>
            {fields.map((field) => (
              <MergeRow
                key={keyOf(field)}
                field={field}
                title={fieldTitle(definition, field.path)}
                kind={kindOf(field) ?? 'text'}
                pick={pickOf(field)}
                result={at(result, field.path)}
                choose={(picked) => choose(field, picked)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <div class="row">
        <Button label="Save the result" kind="primary" disabled={open > 0} isBusy={isBusy} onClick={() => void send()} />
        <Button label="All mine" onClick={() => all('mine')} />
        <Button label="Keep theirs" onClick={() => void decide('theirs')} />
        {open > 0 && <span class="muted">{open === 1 ? 'One field is' : `${open} fields are`} to be decided.</span>}
      </div>
    </div>
  );
}

function at(record: Row, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (typeof inner === 'object' && inner !== null ? (inner as Row)[name] : undefined), record);
}

interface MergeRowProps {
  field: FieldMerge;
  title: string;
  kind: FieldKind;
  pick: Picked | undefined;
  result: unknown;
  choose: (picked: Picked) => void;
}

function MergeRow({ field, title, kind, pick, result, choose }: MergeRowProps) {
  const name = `merge ${keyOf(field)} ${title}`;
  const isText = kind === 'text' && [field.base, field.mine, field.theirs].every((value) => value === null || value === undefined || typeof value === 'string');
  const writeOther = () => choose({ side: 'other', text: String((pick?.side === 'theirs' ? field.theirs : field.mine) ?? '') });
  const side = (which: 'mine' | 'theirs', label: string) => (
    <td data-label={which === 'mine' ? 'Yours' : 'Theirs'} class={pick?.side === which ? 'merge-side merge-chosen' : 'merge-side'}>
      <label class="merge-choice">
        <input type="radio" name={name} checked={pick?.side === which} aria-label={`${title}: ${label}`} onChange={() => choose({ side: which, text: '' })} />
        <Value kind={kind} value={field[which]} />
      </label>
    </td>
  );
  return (
    <tr class={field.conflict ? 'merge-conflict' : undefined}>
      <th scope="row">{title}{field.conflict && <span class="merge-mark" title="both changed it"> ≠<span class="visually-hidden"> both changed it</span></span>}</th>
      <td class="merge-base" data-label="Before"><Value kind={kind} value={field.base} /></td>
      {side('mine', 'yours')}
      {side('theirs', 'theirs')}
      <td class="merge-result" data-label="Result">
        <div>
          {pick === undefined && <span class="merge-open">to be decided</span>}
          {pick !== undefined && pick.side !== 'other' && <Value kind={kind} value={result} />}
          {pick?.side === 'other' && <input aria-label={`${title}: result`} value={pick.text} onInput={(event) => choose({ side: 'other', text: event.currentTarget.value })} />}
          {isText && pick?.side !== 'other' && <Button label={`${title}: write something else`} kind="quiet" icon="edit" isIconOnly onClick={writeOther} />}
        </div>
      </td>
    </tr>
  );
}
