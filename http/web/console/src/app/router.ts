// Where the user is, in the hash of the URL: `#/t/clients/CLT-1?version=3`. Works below any path that a proxy serves the
// console at, and everything that a page shows can be linked to.
import { signal, type ReadonlySignal } from '@preact/signals';

export interface Place {
  /** The parts of the path, decoded: `['t', 'clients', 'CLT-1']`. */
  readonly path: readonly string[];
  readonly params: URLSearchParams;
}

/** null and undefined leave a parameter out; a list repeats it. */
export type Params = Record<string, string | number | readonly string[] | null | undefined>;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}

function parse(hash: string): Place {
  const text = hash.replace(/^#\/?/, '');
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  return {
    path: path.split('/').filter((part) => part !== '').map(decoded),
    params: new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1)),
  };
}

const current = signal<Place>(parse(location.hash));
/** Follow it in a component by reading `place.value`. */
export const place: ReadonlySignal<Place> = current;

/** Something on the page that would be lost with it. */
export interface Keeper {
  mustAsk: () => boolean;
  /** Whether it may be lost. */
  ask: () => Promise<boolean>;
  /** It is lost: before the other page is shown. */
  leave: () => void;
}
let keeper: Keeper | null = null;

/** Asks it before Back, Forward, a typed address or a reload leave the page. Returns the function that ends that. */
export function keepPlace(given: Keeper): () => void {
  keeper = given;
  return () => {
    if (keeper === given) keeper = null;
  };
}

async function askKeeper(asked: Keeper, from: string): Promise<void> {
  // The browser has gone already: what is asked about is where it came from, and one step Back is where it went.
  history.pushState(null, '', from);
  if (!(await asked.ask()) || keeper !== asked) return;
  keeper = null;
  asked.leave();
  history.back();
}

addEventListener('beforeunload', (event) => {
  if (!keeper?.mustAsk()) return;
  event.preventDefault();
  event.returnValue = true; // for browsers that do not take the line above
});

addEventListener('hashchange', (event) => {
  if (keeper?.mustAsk()) return void askKeeper(keeper, event.oldURL);
  current.value = parse(location.hash);
});

function withParams(params: URLSearchParams, changes: Params): URLSearchParams {
  const made = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    made.delete(name);
    if (value === null || value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) made.append(name, String(one));
  }
  return made;
}

/** What a link points to: `href(['t', 'clients'], { branch: 'north' })`. */
export function href(path: readonly string[], params: Params = {}): string {
  const query = withParams(new URLSearchParams(), params).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${query ? `?${query}` : ''}`;
}

/** Goes to a link made by href(). `replace`: Back does not come to where we are now. */
export function go(to: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') history.pushState(null, '', to);
  else history.replaceState(null, '', to);
  current.value = parse(to);
}

/** Changes parameters of the page that is open. Unless told, Back leaves the page instead of undoing each of them. */
export function setParams(changes: Params, how: 'push' | 'replace' = 'replace'): void {
  const { path, params } = current.value;
  const query = withParams(params, changes).toString();
  go(`#/${path.map(encodeURIComponent).join('/')}${query ? `?${query}` : ''}`, how);
}

/** A parameter of the page that is open; null: not there. A component that calls it follows it. */
export const param = (name: string): string | null => current.value.params.get(name);
