// A table from a file: choose it, see what it is, let the server check it, save it, and take it back if it was wrong.
import { useEffect } from 'preact/hooks';
import { param } from '../../app/router.ts';
import { canWrite } from '../../app/session.ts';
import { definitionOf } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { PageHead } from '../../ui/page.tsx';
import { Steps } from '../../ui/steps.tsx';
import { CheckStep } from './check_step.tsx';
import { ColumnsStep } from './columns_step.tsx';
import { FileStep } from './file_step.tsx';
import { SaveStep } from './save_step.tsx';
import { csv, entity, isUnderWay, startOver, step } from './state.ts';

const names = { file: 'File', columns: 'Columns', check: 'Check', save: 'Save' } as const;

export default function Import() {
  const asked = param('entity');
  useEffect(() => {
    if (asked && definitionOf(asked) && step.value === 'file') entity.value = asked;
  }, [asked]);
  const now = step.value;
  if (!canWrite.value) {
    return (
      <>
        <PageHead title="Import" />
        <Empty>Your role does not write: an import is for editors and admins.</Empty>
      </>
    );
  }
  return (
    <>
      <PageHead
        title="Import"
        lead={csv.value ? csv.value.file.name : 'Rows of a CSV file become records, or are merged into those that exist.'}
        actions={now !== 'file' && !isUnderWay.value && <Button label="Another file" icon="restore" onClick={startOver} />}
      />
      <Steps names={Object.values(names)} at={Object.keys(names).indexOf(now)} />
      {now === 'file' && <FileStep />}
      {now === 'columns' && <ColumnsStep />}
      {now === 'check' && <CheckStep />}
      {now === 'save' && <SaveStep />}
    </>
  );
}
