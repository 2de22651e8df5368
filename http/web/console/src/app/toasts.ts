// Short messages at the edge of the window, with at most one thing to do about them.
import { signal } from '@preact/signals';
import { announce } from './announcer.ts';

export interface ToastAction {
  label: string;
  run: () => unknown;
}
export interface Toast {
  id: number;
  text: string;
  kind: 'plain' | 'error';
  action: ToastAction | undefined;
}

const shownMs = 6_000;
const shownWithActionMs = 12_000;
const maxToasts = 4;

let made = 0;
const timers = new Map<number, ReturnType<typeof setTimeout>>();
export const toasts = signal<readonly Toast[]>([]);

/** Returns the function that takes it away. `keep`: it stays until then, or until somebody closes it. */
export function toast(text: string, options: { kind?: Toast['kind']; action?: ToastAction; keep?: boolean } = {}): () => void {
  const id = ++made;
  const one: Toast = { id, text, kind: options.kind ?? 'plain', action: options.action };
  toasts.value = [...toasts.value, one].slice(-maxToasts);
  announce(text);
  if (!options.keep) hideLater(id, options.action ? shownWithActionMs : shownMs);
  return () => dismiss(id);
}

export function dismiss(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/** Does what the newest message offers, for the keyboard. */
export function runNewest(): void {
  const one = [...toasts.value].reverse().find(({ action }) => action);
  if (!one) return;
  dismiss(one.id);
  void one.action!.run();
}

/** Nobody loses a message that they are about to use. */
export function holdToasts(): void {
  for (const timer of timers.values()) clearTimeout(timer);
}
export function releaseToasts(): void {
  for (const id of timers.keys()) hideLater(id, shownMs);
}

function hideLater(id: number, ms: number): void {
  clearTimeout(timers.get(id));
  timers.set(id, setTimeout(() => dismiss(id), ms));
}
