// Signing in and out, and what an administrator asks of the server. Older servers have none of the routes.
import { computed } from '@preact/signals';
import { person, personOf, sessionRoute, token, type Role, type Whoever } from '../../app/session.ts';
import { become, isReady, restartSync, status, sync } from '../../app/sync.ts';
import { api, RefusedError } from '../../data/api.ts';
import { hasRoute } from '../../data/definitions.ts';

export const tokensRoute = '/api/admin/tokens';
export const sessionsRoute = '/api/admin/sessions';

export type { Role, Whoever };
export const roles: readonly Role[] = ['viewer', 'editor', 'auditor', 'admin'];

export interface Token {
  id: string;
  name: string;
  role: Role;
  branches: string[];
  state: string;
  created_at: string;
  created_by: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_on: string | null;
}

export interface Session {
  id: string;
  name: string;
  user_agent: string;
  created_at: string;
  expires_at: string | null;
}

export const mayAdminister = computed(
  () => isReady.value && hasRoute(tokensRoute) && (person.value === null ? status.value?.signedOut !== true : person.value.role === 'admin'),
);

/** null: this server knows no sign-in. */
export async function askWho(): Promise<Whoever | null> {
  return hasRoute(sessionRoute) ? api<Whoever>(sessionRoute) : null;
}

/**
 * `forHow`: 'browser' makes a session of it, which all tabs have and a reload keeps; 'page' keeps the token in this page's
 * memory. Throws RefusedError.
 */
export async function signIn(given: string, forHow: 'browser' | 'page'): Promise<Whoever> {
  const headers = { Authorization: `Bearer ${given}` };
  const who = await api<Whoever>(sessionRoute, forHow === 'browser' ? { method: 'POST', headers } : { headers });
  token.value = forHow === 'page' ? given : null;
  await become(personOf(who));
  return who;
}

/**
 * What is unsent stays where it is, and waits for the next sign-in of the same name; the records that were kept here go. A page with a
 * token of its own forgets that, and is then whoever the browser is signed in as.
 */
export async function signOut(): Promise<void> {
  const hadOwn = token.value !== null;
  if (!hadOwn) {
    await api(sessionRoute, { method: 'DELETE' }).catch((error: unknown) => {
      if (!(error instanceof RefusedError)) throw error; // refused: nobody was signed in any more
    });
  }
  token.value = null;
  await sync.signedOut();
  if (hadOwn) await restartSync();
}
