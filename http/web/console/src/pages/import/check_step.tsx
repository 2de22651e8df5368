// The server's word on every row before anything is saved.
import { Button } from '../../ui/button.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Progress } from '../../ui/progress.tsx';
import { countText, numberText } from '../../ui/text.ts';
import { Counted } from './counted.tsx';
import { PhaseNotice } from './phase.tsx';
import { RejectList } from './reject_list.tsx';
import { cancel, check, csv, importEntity, save, step, trial } from './state.ts';

export function CheckStep() {
  const now = trial.value!;
  const { phase, counts } = now;
  const isUnderWay = phase.name === 'running' || phase.name === 'waiting' || phase.name === 'signed out';
  const good = counts.rows - counts.rejected;
  const back = () => (step.value = 'columns');
  return (
    <>
      <section class="card">
        <div class="card-head">
          <h2>{isUnderWay ? 'The server checks every row' : phase.name === 'done' ? 'What would become of the rows' : 'The check was not finished'}</h2>
          {isUnderWay && <Button label="Cancel" onClick={cancel} />}
        </div>
        {isUnderWay && <Progress value={now.share} label={`${numberText(counts.rows)} of ${countText(csv.value!.records, 'row')}`} />}
        <PhaseNotice phase={phase} />
        <Counted counts={counts} tense="would" />
        {phase.name === 'done' && counts.rejected === 0 && <Notice kind="good">Every row is good.</Notice>}
        {!isUnderWay && (
          <div class="row import-actions">
            {phase.name === 'done' && good > 0 && (
              <Button
                label={counts.rejected === 0 ? `Save ${countText(good, 'row')}` : `Save the ${countText(good, 'good row')}`}
                kind="primary"
                onClick={() => void save()}
              />
            )}
            {phase.name !== 'done' && <Button label="Check again" kind="primary" onClick={() => void check()} />}
            <Button label="Back to the columns" icon="left" onClick={back} />
            {phase.name === 'done' && good === 0 && <span class="muted">There is nothing that could be saved in {importEntity.value!.title}.</span>}
          </div>
        )}
      </section>
      {now.rejects.length > 0 && <RejectList progress={now} />}
    </>
  );
}
