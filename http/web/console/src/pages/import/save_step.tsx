// Saving, and what came of it.
import { href } from '../../app/router.ts';
import { hasRoute } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Progress } from '../../ui/progress.tsx';
import { countText, numberText } from '../../ui/text.ts';
import { Counted } from './counted.tsx';
import { PhaseNotice } from './phase.tsx';
import { RejectList } from './reject_list.tsx';
import { cancel, csv, currentRun, entity, importEntity, isUnderWay, notMine, past, save, saving, startOver, unfinished } from './state.ts';
import { canUndo, UndoButton } from './undo.tsx';

export function SaveStep() {
  const now = saving.value!;
  const { phase, counts, cancelling } = now;
  const saved = counts.created + counts.updated;
  const mine = past.value.find(({ run }) => run === currentRun());
  const title = isUnderWay.value ? 'Saving' : phase.name === 'done' ? 'Saved' : 'Stopped';
  return (
    <>
      <section class="card">
        <div class="card-head">
          <h2>{title}</h2>
          {isUnderWay.value && <Button label={cancelling ? 'Stopping' : 'Cancel'} isBusy={cancelling} onClick={cancel} />}
        </div>
        {isUnderWay.value && <Progress value={now.share} label={`${numberText(counts.rows)} of ${countText(csv.value!.records, 'row')}, up to line ${numberText(now.line)}`} />}
        <PhaseNotice phase={phase} />
        {phase.name === 'done' && counts.rejected === 0 && <Notice kind="good">Every row is in {importEntity.value!.title}.</Notice>}
        {phase.name === 'done' && counts.rejected > 0 && (
          <Notice kind="warning">{countText(counts.rejected, 'row')} could not be saved. Download them, correct them, and import that file.</Notice>
        )}
        {phase.name === 'cancelled' && (
          <Notice kind="warning">
            You stopped it{now.line > 0 ? ` after line ${numberText(now.line)}: what stands below is saved, nothing after it` : ' before anything was saved'}.
            {phase.uncertain && ` What became of lines ${numberText(phase.uncertain.firstLine)} to ${numberText(phase.uncertain.lastLine)} is not known: going on finds it out and saves nothing twice.`}
          </Notice>
        )}
        <Counted counts={counts} tense="was" />
        {!isUnderWay.value && (
          <div class="row import-actions">
            {phase.name !== 'done' && unfinished.value && !notMine.value && <Button label="Go on" kind="primary" onClick={() => void save(unfinished.value)} />}
            {saved > 0 && <a class={phase.name === 'done' ? 'button button-primary' : 'button'} href={href(['t', entity.value])}>Open {importEntity.value!.title}</a>}
            {mine && saved > 0 && !mine.undone && canUndo() && <UndoButton of={mine} label="Undo this import" />}
            {mine && hasRoute('/api/admin/events') && <a class="button" href={href(['audit'], { request_id: mine.run })}>Its events</a>}
            {mine?.undone && <span class="muted">This import is undone.</span>}
            <Button label="Another file" onClick={startOver} />
          </div>
        )}
      </section>
      {now.rejects.length > 0 && <RejectList progress={now} />}
    </>
  );
}
