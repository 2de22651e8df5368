// The log as a whole: is it sound, who did what, what was it like then, and a way back from a bad import.
import { mayAudit } from '../../app/session.ts';
import { hasRoute } from '../../data/definitions.ts';
import { Empty } from '../../ui/empty.tsx';
import { PageHead } from '../../ui/page.tsx';
import { AsOfCard } from './as_of_card.tsx';
import { CheckpointCard } from './checkpoint_card.tsx';
import { VerifyCard } from './verify_card.tsx';
import { WhoDidWhat } from './who_did_what.tsx';

export default function Audit() {
  if (!hasRoute('/api/admin/verify')) {
    return (
      <>
        <PageHead title="Audit" />
        <Empty>This server has no audit routes.</Empty>
      </>
    );
  }
  if (!mayAudit.value) {
    return (
      <>
        <PageHead title="Audit" />
        <Empty>The audit is for auditors and admins: it shows the log of all branches.</Empty>
      </>
    );
  }
  return (
    <>
      <PageHead title="Audit" lead="Every change is an event that nobody can alter unseen. Here is the proof, and who did what." />
      <div class="audit-cards">
        <VerifyCard />
        <CheckpointCard />
        <AsOfCard />
      </div>
      <WhoDidWhat />
    </>
  );
}
