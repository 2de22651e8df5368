// Switches that make things go wrong in this browser, to see that nothing is lost. All its tabs show a banner meanwhile.
import { noFaults, type Faults as Switches } from '../../../../client/src/faults.ts';
import { status, sync } from '../../app/sync.ts';
import { Button } from '../../ui/button.tsx';
import { Field } from '../../ui/field.tsx';

const drops = [
  [0, 'none'],
  [0.2, 'one in five'],
  [0.5, 'every second'],
] as const;
const delays = [
  [0, 'not at all'],
  [500, 'half a second'],
  [2_000, 'two seconds'],
  [5_000, 'five seconds'],
] as const;

export function Faults() {
  const now = status.value!.faults ?? noFaults;
  const set = (changes: Partial<Switches>) => sync.setFaults({ ...now, ...changes });
  return (
    <section class="card">
      <div class="card-head">
        <h2>Try the recovery</h2>
        {status.value!.faults && <Button label="All off" onClick={() => sync.setFaults({})} />}
      </div>
      <p class="muted">Faults of this browser only, in all its tabs, until they are switched off or the last tab is closed. The server and others do not notice.</p>
      <div class="settings-faults">
        <label class="check">
          <input type="checkbox" role="switch" checked={now.offline} onChange={(event) => set({ offline: event.currentTarget.checked })} />
          <span><strong>Go offline</strong><span class="muted">Nothing reaches the server, the stream is cut.</span></span>
        </label>
        <Field label="Lose answers" hint="The server does what was asked; its answer does not arrive.">
          {(ids) => (
            <select {...ids} value={String(now.drop)} onChange={(event) => set({ drop: Number(event.currentTarget.value) })}>
              {drops.map(([value, label]) => <option key={value} value={String(value)}>{label}</option>)}
            </select>
          )}
        </Field>
        <Field label="Slow down every request by">
          {(ids) => (
            <select {...ids} value={String(now.slowMs)} onChange={(event) => set({ slowMs: Number(event.currentTarget.value) })}>
              {delays.map(([value, label]) => <option key={value} value={String(value)}>{label}</option>)}
            </select>
          )}
        </Field>
      </div>
    </section>
  );
}
