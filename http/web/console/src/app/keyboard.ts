// Every key of the console comes through here. A component registers what it answers to while it is on the page, and `?`
// lists it. Keys are names as in KeyboardEvent.key ('j', 'Enter', ' '), or two with a blank between ('g t').
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

export interface KeyAction {
  label: string;
  run: (event: KeyboardEvent) => void;
  /** Also while somebody writes in a field. */
  inFields?: boolean;
  /** Works, but is not listed: a second key for the same. */
  isHidden?: boolean;
}
export type KeyMap = Readonly<Record<string, KeyAction>>;
export interface KeyGroup {
  readonly title: string;
  readonly keys: KeyMap;
}

const secondKeyMs = 1_500;
const groups = signal<readonly KeyGroup[]>([]);
/** What is listed by `?`, the newest last. */
export const keyGroups = groups;

let firstKey = '';
let firstKeyTimer: ReturnType<typeof setTimeout> | undefined;

/** Returns the function that takes them away again. The newest registration of a key wins. */
export function registerKeys(title: string, keys: () => KeyMap): () => void {
  const group: KeyGroup = {
    title,
    get keys() {
      return keys();
    },
  };
  groups.value = [...groups.value, group];
  return () => {
    groups.value = groups.value.filter((one) => one !== group);
  };
}

/** While the component is shown. `keys` may be a new object each time. */
export function useKeys(title: string, keys: KeyMap): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => registerKeys(title, () => latest.current), [title]);
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return !['button', 'checkbox', 'radio', 'submit', 'range', 'file'].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

// A button that has the focus is pressed by these, a slider moved.
function belongsToControl(event: KeyboardEvent): boolean {
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (event.key === ' ' || event.key === 'Enter') {
    return target?.closest('button, a, summary, label, [role=menuitem], input, [role=option]') != null;
  }
  return event.key.startsWith('Arrow') && target?.closest('[role=menu], [role=listbox], input[type=range], [role=tablist]') != null;
}

function find(name: string): KeyAction | undefined {
  for (const { keys } of [...groups.value].reverse()) if (Object.hasOwn(keys, name)) return keys[name];
  return undefined;
}

const startsSequence = (key: string) =>
  groups.value.some(({ keys }) => Object.keys(keys).some((name) => name.startsWith(`${key} `) && name.length > key.length + 1));

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = isWriting(event.target);
  const isModal = document.querySelector('dialog[open]:modal') !== null;
  const name = firstKey === '' ? event.key : `${firstKey} ${event.key}`;
  firstKey = '';
  clearTimeout(firstKeyTimer);
  if (isModal || belongsToControl(event)) return;
  const action = find(name);
  if (action && (!writing || action.inFields)) {
    event.preventDefault();
    action.run(event);
  } else if (!writing && event.key !== ' ' && startsSequence(event.key)) {
    firstKey = event.key;
    firstKeyTimer = setTimeout(() => (firstKey = ''), secondKeyMs);
  }
});

/** How a key is written in the list. */
export function keyText(name: string): string {
  const words: Record<string, string> = { ' ': 'Space', ArrowDown: '↓', ArrowUp: '↑', Escape: 'Esc' };
  return words[name] ?? name;
}
