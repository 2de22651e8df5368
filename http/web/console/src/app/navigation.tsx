// The way to every page, at the side; on a narrow window in a drawer.
import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { definitions } from '../data/definitions.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { pages } from './pages.ts';
import { href, place } from './router.ts';
import { person } from './session.ts';
import { StatusBadge } from './status_badge.tsx';
import { status } from './sync.ts';
import { theme, type Theme } from './theme.ts';
import { helpIsOpen } from './help.tsx';

export function Navigation({ drawerIsOpen }: { drawerIsOpen: Signal<boolean> }) {
  const drawer = useRef<HTMLDialogElement>(null);
  const isOpen = drawerIsOpen.value;
  useEffect(() => {
    if (isOpen && !drawer.current?.open) drawer.current?.showModal();
    if (!isOpen && drawer.current?.open) drawer.current.close();
  }, [isOpen]);
  return (
    <>
      <div class="sidebar"><Contents label="Console" /></div>
      <dialog ref={drawer} class="drawer" aria-label="Navigation" onClose={() => (drawerIsOpen.value = false)} onClick={closeOutside}>
        {isOpen && (
          <div class="drawer-body">
            <Button kind="quiet" icon="close" label="Close the navigation" isIconOnly onClick={() => (drawerIsOpen.value = false)} />
            <Contents label="Console, in a drawer" />
          </div>
        )}
      </dialog>
    </>
  );
}

// The dialog itself is only hit beside its content.
function closeOutside(event: MouseEvent): void {
  if (event.target === event.currentTarget) (event.currentTarget as HTMLDialogElement).close();
}

function Contents({ label }: { label: string }) {
  const [overview, ...others] = pages.filter(({ nav }) => nav);
  const here = place.value.path;
  return (
    <nav aria-label={label}>
      <a class="brand" href={href([])}><Icon name="brand" /> synclog</a>
      <ul>
        <Item path={[]} label={overview!.nav!.label} icon={overview!.nav!.icon} isHere={here.length === 0} />
      </ul>
      <h2 class="nav-heading">Tables</h2>
      <ul>
        {definitions().map(({ name, title }) => (
          <Item key={name} path={['t', name]} label={title} icon="table" isHere={here[0] === 't' && here[1] === name} />
        ))}
      </ul>
      <h2 class="nav-heading">Work</h2>
      <ul>
        {others.map(({ pattern, nav }) => (
          <Item key={pattern} path={[pattern]} label={nav!.label} icon={nav!.icon} isHere={here[0] === pattern}>
            {pattern === 'outbox' && <OutboxCount />}
          </Item>
        ))}
      </ul>
      <div class="nav-foot">
        <Who />
        <StatusBadge />
        <div class="nav-tools">
          <ThemeChoice />
          <Button kind="quiet" icon="help" label="Keyboard shortcuts" isIconOnly onClick={() => (helpIsOpen.value = true)} />
        </div>
      </div>
    </nav>
  );
}

interface ItemProps {
  path: readonly string[];
  label: string;
  icon: Parameters<typeof Icon>[0]['name'];
  isHere: boolean;
  children?: preact.ComponentChildren;
}

function Item({ path, label, icon, isHere, children }: ItemProps) {
  return (
    <li>
      <a href={href(path)} aria-current={isHere ? 'page' : undefined}>
        <Icon name={icon} />
        <span class="nav-label">{label}</span>
        {children}
      </a>
    </li>
  );
}

function OutboxCount() {
  const { unsent = 0, attention = 0 } = status.value ?? {};
  if (attention > 0) return <Badge kind="warning" title={`${attention} need attention`}>{attention}</Badge>;
  return unsent > 0 ? <Badge title={`${unsent} unsent`}>{unsent}</Badge> : null;
}

function Who() {
  const who = person.value;
  if (!who) return null;
  const branches = who.branches === null ? 'all branches' : who.branches.join(', ');
  return (
    <a class="who" href={href(['settings'])}>
      <strong>{who.actor}</strong>
      <span>{who.role} · {branches}</span>
    </a>
  );
}

const themes: readonly { value: Theme; label: string; icon: Parameters<typeof Icon>[0]['name'] }[] = [
  { value: 'auto', label: 'Colours as the device has them', icon: 'auto' },
  { value: 'light', label: 'Light', icon: 'light' },
  { value: 'dark', label: 'Dark', icon: 'dark' },
];

function ThemeChoice() {
  return (
    <div class="segments" role="group" aria-label="Colours">
      {themes.map(({ value, label, icon }) => (
        <button key={value} type="button" aria-pressed={theme.value === value} aria-label={label} title={label} onClick={() => (theme.value = value)}>
          <Icon name={icon} />
        </button>
      ))}
    </div>
  );
}
