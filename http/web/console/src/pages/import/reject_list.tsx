// The rows that the server will not have, with line, column and reason, and as a file to correct.
import { useState } from 'preact/hooks';
import { Button } from '../../ui/button.tsx';
import { download } from '../../ui/download.ts';
import { countText, numberText } from '../../ui/text.ts';
import type { Progress } from './job.ts';
import { rejectsFile } from './rejects.ts';
import { csv } from './state.ts';

const shownAtOnce = 100;

export function RejectList({ progress }: { progress: Progress }) {
  const [shown, setShown] = useState(shownAtOnce);
  const { rejects, rejectsLeftOut } = progress;
  return (
    <section class="card">
      <div class="card-head">
        <h2>{countText(rejects.length + rejectsLeftOut, 'rejected row')}</h2>
        <Button label="Download rejects.csv" icon="export" onClick={() => download(rejectsFile(csv.value!, rejects), 'rejects.csv')} />
      </div>
      {rejectsLeftOut > 0 && <p class="muted">The list and the file have the first {numberText(rejects.length)}; this page keeps no more.</p>}
      <div class="scroll-x" tabIndex={0} role="region" aria-label="Rejected rows">
        <table class="plain-table list-table import-rejects">
          <thead><tr><th class="number">Line</th><th>Column</th><th>Reason</th><th>The line</th></tr></thead>
          <tbody>
            {rejects.slice(0, shown).map(({ line, column, columnNumber, reasons, text }, at) => (
              <tr key={at}>
                <td class="number" data-label="Line">{numberText(line)}</td>
                <td data-label="Column">{column === null ? <span class="nothing">the row</span> : `${column} (${columnNumber})`}</td>
                <td data-label="Reason">{reasons.join('; ')}</td>
                <td class="import-line" data-label="The line"><code title={text}>{text}</code></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rejects.length > shown && <Button label={`Show ${numberText(Math.min(shownAtOnce, rejects.length - shown))} more`} onClick={() => setShown(shown + shownAtOnce)} />}
    </section>
  );
}
