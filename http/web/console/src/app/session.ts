// Who is using the console. Without sign-in (`serve --auth=none`) everybody is `anonymous`.
import { computed, signal } from '@preact/signals';

export interface Person {
  actor: string;
  role: string;
  /** null: all branches. */
  branches: readonly string[] | null;
  expires_at?: string | null;
}

export type Role = 'viewer' | 'editor' | 'auditor' | 'admin';

/** What the server says of whoever asks. */
export interface Whoever {
  auth: 'token' | 'none';
  actor: string;
  role: Role;
  all_branches: boolean;
  branches: string[];
  session: boolean;
  expires_at: string | null;
}

export const personOf = ({ actor, role, all_branches: hasAll, branches, expires_at }: Whoever): Person => ({
  actor,
  role,
  branches: hasAll ? null : branches,
  expires_at,
});

export const sessionRoute = '/api/session';

/** The bearer token, while this page lives. A browser that is signed in by cookie has none here. */
export const token = signal<string | null>(null);
/** As the server says; null: not known, or nobody need sign in. */
export const person = signal<Person | null>(null);
/** How to go on when the server asks to sign in: the Settings page sets it up. */
export const signInPlace = ['settings'] as const;

/** Sent with each request. */
export function authorization(): Record<string, string> {
  return token.value ? { Authorization: `Bearer ${token.value}` } : {};
}

const auditing = new Set(['auditor', 'admin']);
/** Whether to show what is of the log as a whole; the server decides. */
export const mayAudit = computed(() => person.value === null || auditing.has(person.value.role));

const mayWrite = new Set(['editor', 'admin']);
/** Whether to offer changes at all; the server decides. */
export const canWrite = computed(() => person.value === null || mayWrite.has(person.value.role));
