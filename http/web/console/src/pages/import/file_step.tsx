// Choosing the file, and what this browser has imported before.
import { definitions } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { DropZone } from '../../ui/drop_zone.tsx';
import { Field } from '../../ui/field.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Progress } from '../../ui/progress.tsx';
import { agoText, numberText } from '../../ui/text.ts';
import { definitionOf } from '../../data/definitions.ts';
import { entity, past, problem, reading, startOver, takeFile } from './state.ts';
import { UndoButton } from './undo.tsx';

export function FileStep() {
  return (
    <>
      <section class="card import-file">
        <Field label="Table" hint="A file of the older system finds its table by itself.">
          {(ids) => (
            <select {...ids} value={entity.value} onChange={(event) => (entity.value = event.currentTarget.value)}>
              <option value="">by the file’s columns</option>
              {definitions().map(({ name, title }) => <option key={name} value={name}>{title}</option>)}
            </select>
          )}
        </Field>
        {reading.value === null ? (
          <DropZone
            label="Choose a CSV file"
            hint="or drop it here. Nothing is sent before you have seen what it is."
            accept=".csv,.tsv,.tab,.txt,text/csv,text/plain,text/tab-separated-values"
            onFile={(file) => void takeFile(file)}
          />
        ) : (
          <div class="import-reading">
            <Progress value={reading.value} label="Reading the file" />
            <Button label="Cancel" onClick={startOver} />
          </div>
        )}
        {problem.value && <Notice kind="error">{problem.value}</Notice>}
      </section>
      {past.value.length > 0 && <PastImports />}
    </>
  );
}

function PastImports() {
  return (
    <section class="card">
      <h2>Imported from this browser</h2>
      <div class="scroll-x" tabIndex={0} role="region" aria-label="Imported from this browser">
        <table class="plain-table list-table">
          <thead>
            <tr><th>File</th><th>Table</th><th>When</th><th class="number">Saved</th><th class="number">Rejected</th><th><span class="visually-hidden">Undo</span></th></tr>
          </thead>
          <tbody>
            {past.value.map((one) => (
              <tr key={one.run}>
                <th scope="row">{one.file}</th>
                <td data-label="Table">{definitionOf(one.entity)?.title ?? one.entity}</td>
                <td data-label="When">{agoText(one.atMs)}</td>
                <td class="number" data-label="Saved">{numberText(one.counts.created + one.counts.updated)}</td>
                <td class="number" data-label="Rejected">{numberText(one.counts.rejected)}</td>
                <td class="number">{one.undone ? <span class="muted">undone</span> : <UndoButton of={one} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
