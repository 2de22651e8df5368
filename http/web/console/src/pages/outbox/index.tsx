// What this browser has changed and the backend does not have: what needs a decision first, then what waits to be sent.
import { sync, attention, status } from '../../app/sync.ts';
import { toast } from '../../app/toasts.ts';
import { useKeys } from '../../app/keyboard.ts';
import { Button } from '../../ui/button.tsx';
import { download } from '../../ui/download.ts';
import { Empty } from '../../ui/empty.tsx';
import { PageHead } from '../../ui/page.tsx';
import { AttentionCard } from './attention_card.tsx';
import { StorageState } from './storage_state.tsx';
import { useUnsent } from './unsent.ts';
import { WaitingTable } from './waiting_table.tsx';

export default function Outbox() {
  const waiting = useUnsent();
  const refused = attention.value;
  const isEmpty = waiting.length === 0 && refused.length === 0;
  const sendNow = () => {
    sync.sendNow();
    toast('Trying now.');
  };
  useKeys('Outbox', waiting.length > 0 ? { s: { label: 'Send now', run: sendNow } } : {});
  return (
    <>
      <PageHead
        title="Outbox"
        lead={lead()}
        actions={
          !isEmpty && (
            <>
              <Button label="Export" icon="export" onClick={() => download(sync.exportUnsent(), 'unsent.json')} />
              {waiting.length > 0 && <Button label="Send now" kind="primary" icon="up" onClick={sendNow} />}
            </>
          )
        }
      />
      {isEmpty && <Empty action={null}>Nothing waits here.</Empty>}
      {refused.length > 0 && (
        <section class="stack" aria-labelledby="attention-heading">
          <h2 id="attention-heading">Needs your decision</h2>
          {refused.map((item) => <AttentionCard key={item.key} item={item} />)}
        </section>
      )}
      {waiting.length > 0 && <WaitingTable items={waiting} />}
      <StorageState />
    </>
  );
}

function lead(): string {
  const now = status.value!;
  if (now.signedOut) return 'What is unsent waits until somebody signs in.';
  if (now.connection === 'offline') return 'The backend cannot be reached. What is unsent is sent when it is back.';
  return 'Changes go to the backend at once; what it did not get yet is here.';
}
