// Where unsent changes live, and what could take them away.
import { useEffect, useState } from 'preact/hooks';
import type { StorageState as State } from '../../../../client/src/database.ts';
import { status } from '../../app/sync.ts';
import { toast } from '../../app/toasts.ts';
import { Button } from '../../ui/button.tsx';
import { sizeText } from '../../ui/text_size.ts';

const meaning: Record<State, string> = {
  opening: 'The storage is being opened.',
  durable: 'Unsent changes outlive this page, a crash and a restart of the device.',
  memory: 'This browser stores nothing here, or not all of it (a private window?). Unsent changes are lost when the page is closed.',
  full: 'The storage is full. Unsent changes made from now on are lost when the page is closed: make room on this device.',
  blocked: 'An old tab of this page holds the storage. Close it: until then unsent changes are lost when the page is closed.',
  outdated: 'A newer version of this page is open in another tab. Reload this one: until then what it cannot send is lost when it is closed.',
};

interface Room {
  usage: number;
  quota: number;
  persisted: boolean;
}

async function measured(): Promise<Room | null> {
  try {
    const [{ usage = 0, quota = 0 }, persisted] = await Promise.all([navigator.storage.estimate(), navigator.storage.persisted()]);
    return { usage, quota, persisted };
  } catch {
    return null; // only in secure contexts
  }
}

export function StorageState() {
  const { storage, stream } = status.value!;
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => void measured().then(setRoom), [storage]);
  const persist = async () => {
    const isKept = await navigator.storage.persist();
    toast(isKept ? 'The browser keeps it until you clear it.' : 'The browser did not promise it. It asks less often of pages that are used much.');
    setRoom(await measured());
  };
  return (
    <section class="card">
      <div class="card-head">
        <h2>Where unsent changes are kept</h2>
        {room && !room.persisted && storage === 'durable' && <Button label="Ask the browser to keep it" onClick={() => void persist()} />}
      </div>
      <p>{meaning[storage]}</p>
      <dl class="facts">
        {room && <div><dt>Used here</dt><dd>{sizeText(room.usage)} of {sizeText(room.quota)}</dd></div>}
        {room && <div><dt>When the device runs out of room</dt><dd>{room.persisted ? 'it is kept' : 'the browser may clear it'}</dd></div>}
        <div><dt>Stream</dt><dd>{stream === 'shared' ? 'one for all tabs of this browser' : 'each tab has its own: this is no secure connection'}</dd></div>
      </dl>
      <p class="muted">Clearing this site’s data in the browser takes unsent changes with it, except those of pages that are open. Export makes a file of them.</p>
    </section>
  );
}
