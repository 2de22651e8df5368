// A button that opens a list of things to do, or any small panel (with `children`). Arrow keys move, Escape closes.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Button, type ButtonProps } from './button.tsx';
import { Icon, type IconName } from './icon.tsx';

export interface MenuItem {
  label: string;
  icon?: IconName;
  kind?: 'plain' | 'danger';
  disabled?: boolean;
  run: () => void;
}
export interface MenuProps {
  button: Omit<ButtonProps, 'onClick' | 'opens' | 'isExpanded' | 'buttonRef'>;
  items?: readonly MenuItem[];
  /** Instead of items: a panel. Call `close` when it is done. */
  children?: (close: () => void) => ComponentChildren;
  /** Which edge of the button it keeps to. */
  edge?: 'start' | 'end';
}

export function Menu({ button, items, children, edge = 'start' }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const around = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = (focusBack = true) => {
    setOpen(false);
    if (focusBack) opener.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    keepInWindow(panel.current!);
    panel.current?.querySelector<HTMLElement>('[role=menuitem]:not(:disabled), input, select, button')?.focus();
    const outside = (event: Event) => {
      if (!around.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [isOpen]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && isOpen) {
      event.preventDefault();
      close();
    } else if (items && isOpen) moveFocus(event, panel.current!);
  };
  return (
    <div class={`menu menu-${edge}`} ref={around} onKeyDown={onKeyDown}>
      <Button {...button} opens={items ? 'menu' : 'dialog'} isExpanded={isOpen} buttonRef={opener} onClick={() => setOpen(!isOpen)} />
      {isOpen && (
        <div ref={panel} class="menu-panel" id={id} role={items ? 'menu' : 'dialog'} aria-label={button.label}>
          {items?.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={`menu-item menu-item-${item.kind ?? 'plain'}`}
              disabled={item.disabled ?? false}
              onClick={() => {
                close();
                item.run();
              }}
            >
              {item.icon && <Icon name={item.icon} />}
              <span>{item.label}</span>
            </button>
          ))}
          {children?.(close)}
        </div>
      )}
    </div>
  );
}

const marginPx = 8;

function keepInWindow(panel: HTMLElement): void {
  const { left, right } = panel.getBoundingClientRect();
  const by = right > innerWidth - marginPx ? innerWidth - marginPx - right : left < marginPx ? marginPx - left : 0;
  if (by !== 0) panel.style.translate = `${by}px 0`;
}

function moveFocus(event: KeyboardEvent, panel: HTMLElement): void {
  const all = [...panel.querySelectorAll<HTMLElement>('[role=menuitem]:not(:disabled)')];
  const at = all.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all[(to + all.length) % all.length]?.focus();
}
