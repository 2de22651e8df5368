// The client library, one for the whole console: collections, the outbox, the one stream of this browser.
import { computed, signal } from '@preact/signals';
import type { AttentionItem } from '../../../client/src/attention.ts';
import type { Status } from '../../../client/src/status.ts';
import { connect, type ConnectOptions, type Sync } from '../../../client/src/sync.ts';
import { api, baseUrl } from '../data/api.ts';
import { entityInfos, hasRoute, loadDefinitions } from '../data/definitions.ts';
import { remember, remembered } from './remembered.ts';
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

/** Replaces or adds to how the library connects: the Settings page's fault switches. Before startSync(). */
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
  sync.status.subscribe((value) => (status.value = value));
  sync.attention.subscribe((value) => (attention.value = value));
  isReady.value = true;
}

// Whose outbox it is must be known without a backend too: the last answer is remembered.
async function askWho(): Promise<void> {
  const name = `person ${baseUrl}`;
  if (!hasRoute('/api/session')) return;
  try {
    const answer = await api<Person>('/api/session', { timeoutMs: whoMs });
    person.value = { actor: answer.actor, role: answer.role, branches: answer.branches ?? null, expires_at: answer.expires_at ?? null };
    remember(name, person.value);
  } catch {
    person.value = remembered(name) as Person | null;
  }
}
