// A modal dialog, or with `side` a panel at the edge. The browser's own <dialog> keeps the focus in and Escape working.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Button } from './button.tsx';

export interface DialogProps {
  title: string;
  /** Called when it is closed in any way. The owner takes it off the page. */
  onClose: () => void;
  /** Escape, the cross and a click outside ask first; answer false to stay. */
  mayClose?: () => boolean | Promise<boolean>;
  side?: boolean;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, mayClose = () => true, side = false, actions, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const close = async () => (await mayClose()) && onClose();
  return (
    <dialog
      ref={dialog}
      class={side ? 'dialog dialog-side' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        void close();
      }}
      onClose={onClose}
      onMouseDown={(event) => event.target === event.currentTarget && void close()}
    >
      <div class="dialog-frame">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <Button kind="quiet" icon="close" label="Close" isIconOnly onClick={() => void close()} />
        </header>
        <div class="dialog-body">{children}</div>
        {actions && <footer class="dialog-foot">{actions}</footer>}
      </div>
    </dialog>
  );
}
