// Short messages at the edge of the window, with at most one thing to do about them.
import { signal } from '@preact/signals';
import { sentenceOf, UnreachableError } from '../data/api.ts';
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
  /** It says that the backend is away: what it says once that has passed, '' for nothing. */
  whenBack: string | undefined;
}

export interface ToastOptions {
  kind?: Toast['kind'];
  action?: ToastAction;
  /** It stays until somebody takes it away. */
  keep?: boolean;
  /** It says that the backend is away: what it says once that has passed, '' for nothing. */
  whenBack?: string | undefined;
}

const shownMs = 6_000;
const shownWithActionMs = 12_000;
const maxToasts = 4;

let made = 0;
let wasToldAway = false;
const timers = new Map<number, ReturnType<typeof setTimeout>>();
export const toasts = signal<readonly Toast[]>([]);

/** Returns the function that takes it away. */
export function toast(text: string, options: ToastOptions = {}): () => void {
  const id = ++made;
  const one: Toast = { id, text, kind: options.kind ?? 'plain', action: options.action, whenBack: options.whenBack };
  wasToldAway ||= one.whenBack !== undefined;
  toasts.value = [...toasts.value, one].slice(-maxToasts);
  announce(text);
  if (!options.keep) hideLater(id, options.action ? shownWithActionMs : shownMs);
  return () => dismiss(id);
}

/** What went wrong, and why. */
export function toastProblem(what: string, error: unknown): void {
  const text = sentenceOf(error);
  toast(what ? `${what}: ${text}` : text, { kind: 'error', whenBack: error instanceof UnreachableError ? '' : undefined });
}

/** The backend has answered again: what said otherwise goes, and whoever was told so is told this, once. */
export function toastBack(): void {
  for (const { id, whenBack } of toasts.value) if (whenBack === '') dismiss(id);
  toasts.value = toasts.value.map((one) => (one.whenBack ? { ...one, text: one.whenBack, whenBack: undefined } : one));
  if (wasToldAway) toast('The backend is back.');
  wasToldAway = false;
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
