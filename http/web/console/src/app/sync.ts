// The client library, one for the whole console: collections, the outbox, the one stream of this browser.
import { computed, signal } from '@preact/signals';
import type { AttentionItem } from '../../../client/src/attention.ts';
import type { Status } from '../../../client/src/status.ts';
import { connect, type ConnectOptions, type Sync } from '../../../client/src/sync.ts';
import { api, baseUrl, RefusedError, sendBy } from '../data/api.ts';
import { entityInfos, hasRoute, loadDefinitions } from '../data/definitions.ts';
import { onRemembered, remember, remembered } from './remembered.ts';
import { person, personOf, sessionRoute, token, type Person, type Whoever } from './session.ts';
import { toastBack } from './toasts.ts';

/** There from when `isReady` is true; pages are not shown before. */
export let sync: Sync;
export const isReady = signal(false);
/** Why it is not. */
export const startProblem = signal<unknown>(null);
/** The library's status; null before it is ready. */
export const status = signal<Status | null>(null);
export const attention = signal<readonly AttentionItem[]>([]);
export const isOffline = computed(() => status.value?.connection === 'offline');

const whoMs = 2_000;
const retryMs = 3_000;

/** Replaces or adds to how the library connects. Before startSync(). */
export const connectOptions: ConnectOptions = {};

/** `known`: as the server has just said. */
export async function startSync(known: Person | null = null): Promise<void> {
  let isCertain = true;
  try {
    await loadDefinitions();
    if (known) notePerson(known);
    else isCertain = await learnWho();
    const { actor } = person.value ?? {};
    sync = await connect({
      url: baseUrl,
      token: () => token.value,
      entities: entityInfos(),
      ...(actor !== undefined ? { user: actor, actor } : token.value ? {} : { user: 'anonymous' }),
      hold: !isCertain,
      ...connectOptions,
    });
  } catch (error) {
    startProblem.value = error;
    setTimeout(() => void startSync(known), retryMs);
    return;
  }
  startProblem.value = null;
  sendBy((path, init) => sync.fetch(path, init)); // faults that are switched on are those of the whole console
  Object.assign(globalThis, { synclog: sync }); // for whoever opens the browser's own console
  sync.status.subscribe((value) => {
    const isBack = value.connection === 'online' && status.value?.connection !== 'online';
    status.value = value;
    if (isBack) toastBack();
  });
  sync.attention.subscribe((value) => (attention.value = value));
  isReady.value = true;
  if (!isCertain) void makeCertain(sync);
}

/** Called before everything begins anew as somebody else. */
export const beforeRestart = new Set<() => void>();

/** Connects anew, as whoever is signed in now: with their own outbox and cache. */
export async function restartSync(known: Person | null = null): Promise<void> {
  isReady.value = false;
  for (const call of beforeRestart) call();
  sendBy(null);
  await sync.close();
  await startSync(known);
}

/** The server has said who it is. */
export async function become(said: Person): Promise<void> {
  const isSame = person.value?.actor === said.actor;
  notePerson(said);
  if (isSame) sync.resume();
  else await restartSync(said); // somebody else: their own outbox and cache
}

const personName = `person ${baseUrl}`;
// Another tab has signed in as somebody else: what waits here must not be sent in their name. A tab with a token of its own is
// whoever that says.
onRemembered(personName, (value) => {
  if (isReady.value && !token.value && (value as Person | null)?.actor !== person.value?.actor) void restartSync();
});

// Before anything is connected in their name, so that a later look finds them too.
function notePerson(said: Person): void {
  person.value = said;
  if (!token.value) remember(personName, said);
}

// What the server says; null: that nobody is signed in. Throws when it does not answer.
async function whoSays(timeoutMs: number): Promise<Person | null> {
  try {
    return personOf(await api<Whoever>(sessionRoute, { timeoutMs }));
  } catch (error) {
    if (error instanceof RefusedError && error.problem.status === 401) return null;
    throw error;
  }
}

// Whose outbox it is must be known without a backend too: the last answer is remembered. False when it is that, and so no more than a guess:
// the browser may be signed in as somebody else.
async function learnWho(): Promise<boolean> {
  if (!hasRoute(sessionRoute)) return true;
  const said = await whoSays(whoMs).catch(() => null);
  if (said) notePerson(said);
  else if (!token.value) person.value = remembered(personName) as Person | null;
  return said !== null;
}

// Asks until the server has answered: then what is held goes on, or waits for a sign-in, or for its own person.
async function makeCertain(mine: Sync): Promise<void> {
  for (;;) {
    const said = await whoSays(retryMs * 2).catch(() => undefined);
    if (mine !== sync || !isReady.value) return;
    if (said === null) return mine.signedOut({ keepRecords: true });
    if (said) return become(said);
    await new Promise((resolve) => setTimeout(resolve, retryMs));
    if (mine !== sync || !isReady.value) return;
  }
}
