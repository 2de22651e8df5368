// The keys that work on the page that is open.
import { signal } from '@preact/signals';
import { Dialog } from '../ui/dialog.tsx';
import { keyGroups, keyText } from './keyboard.ts';

export const helpIsOpen = signal(false);

export function Help() {
  if (!helpIsOpen.value) return null;
  const groups = [...keyGroups.value].reverse();
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => (helpIsOpen.value = false)}>
      <div class="help">
        {groups.map(({ title, keys }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {Object.entries(keys).filter(([, { isHidden }]) => !isHidden).map(([name, { label }]) => (
                <div key={name}>
                  <dt>{(name === ' ' ? [name] : name.split(' ')).map((key) => <kbd key={key}>{keyText(key)}</kbd>)}</dt>
                  <dd>{label}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
