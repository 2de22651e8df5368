// Online, catching up or offline; how much is unsent; what needs a decision. Leads to the outbox.
import { Icon } from '../ui/icon.tsx';
import { href } from './router.ts';
import { status } from './sync.ts';

const words = { online: 'Online', 'catching up': 'Catching up', offline: 'Offline' } as const;

export function StatusBadge({ isShort = false }: { isShort?: boolean }) {
  const now = status.value;
  const connection = now?.connection ?? 'catching up';
  const more: string[] = [];
  if (now && now.unsent > 0) more.push(`${now.unsent} unsent`);
  if (now && now.attention > 0) more.push(isShort ? `${now.attention} !` : `${now.attention} to decide`);
  const said = now?.warnings.length ? now.warnings.join(' ') : 'Everything is saved in the backend.';
  return (
    <a class={`status status-${connection.replace(' ', '-')}`} href={href(['outbox'])} title={said}>
      <Icon name={connection === 'offline' ? 'offline' : connection === 'online' ? 'online' : 'busy'} />
      <span>{[now?.signedOut ? 'Signed out' : words[connection], ...more].join(' · ')}</span>
    </a>
  );
}
