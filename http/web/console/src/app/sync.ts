// The client library, one for the whole console: collections, the outbox, the one stream of this browser.
import { computed, signal } from '@preact/signals';
import type { AttentionItem } from '../../../client/src/attention.ts';
import type { Status } from '../../../client/src/status.ts';
import { connect, type ConnectOptions, type Sync } from '../../../client/src/sync.ts';
import { api, baseUrl, sendBy } from '../data/api.ts';
import { entityInfos, hasRoute, loadDefinitions } from '../data/definitions.ts';
import { onRemembered, remember, remembered } from './remembered.ts';
import { person, token, type Person } from './session.ts';

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

export async function startSync(): Promise<void> {
  try {
    await loadDefinitions();
    await askWho();
    sync = await connect({
      url: baseUrl,
      token: () => token.value,
      entities: entityInfos(),
      ...(person.value ? { user: person.value.actor } : {}),
      ...connectOptions,
    });
  } catch (error) {
    startProblem.value = error;
    setTimeout(() => void startSync(), retryMs);
    return;
  }
  startProblem.value = null;
  sendBy((path, init) => sync.fetch(path, init)); // faults that are switched on are those of the whole console
  Object.assign(globalThis, { synclog: sync }); // for whoever opens the browser's own console
  sync.status.subscribe((value) => (status.value = value));
  sync.attention.subscribe((value) => (attention.value = value));
  isReady.value = true;
}

/** Connects anew, as whoever is signed in now: with their own outbox and cache. */
export async function restartSync(): Promise<void> {
  isReady.value = false;
  sendBy(null);
  await sync.close();
  await startSync();
}

const personName = `person ${baseUrl}`;
// Another tab has signed in as somebody else: what waits here must not be sent in their name.
onRemembered(personName, (value) => {
  if (isReady.value && (value as Person | null)?.actor !== person.value?.actor) void restartSync();
});

// Whose outbox it is must be known without a backend too: the last answer is remembered.
async function askWho(): Promise<void> {
  if (!hasRoute('/api/session')) return;
  try {
    const answer = await api<Person & { all_branches?: boolean }>('/api/session', { timeoutMs: whoMs });
    const branches = answer.all_branches ? null : answer.branches;
    person.value = { actor: answer.actor, role: answer.role, branches: branches ?? null, expires_at: answer.expires_at ?? null };
    remember(personName, person.value);
  } catch {
    person.value = remembered(personName) as Person | null;
  }
}
