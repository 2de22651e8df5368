// What a page may show about the connection and what is unsent, in one value.
import type { StorageState } from './database.js';
import { faultsInWords, type Faults } from './faults.js';

export interface Status {
  /** catching up: connected, and what was missed is on its way. */
  connection: 'online' | 'catching up' | 'offline';
  /** Changes made here that the backend does not have. Those that need attention are not among them. */
  unsent: number;
  oldestUnsent: Date | null;
  /** Changes that the backend refused: see `sync.attention`. */
  attention: number;
  /** The backend asks to sign in; what is unsent waits for it, and nothing else is shown of what is kept here. */
  signedOut: boolean;
  /** durable: unsent changes outlive the page. Anything else: they live as long as the page. */
  storage: StorageState;
  /** shared: one stream for all tabs. own: this browser gives no Web Locks here (plain HTTP), so each tab has one. */
  stream: 'shared' | 'own';
  /** How far this device's clock is off, when it is far enough to matter. Nothing but shown times depends on it. */
  clockSkewMs: number | null;
  /** When what waits is tried again; null: nothing waits, or another tab sends it. */
  nextTry: Date | null;
  /** Switched on to see how the page recovers; null: none. */
  faults: Faults | null;
  /** All of the above that a person should know, as sentences. */
  warnings: readonly string[];
}

const storageWarnings: Record<StorageState, string | null> = {
  opening: null,
  durable: null,
  memory: 'This browser stores nothing here, or not all of it (a private window?): changes that are not sent are lost when the page is closed.',
  full: 'The browser’s storage is full: changes that are not sent are lost when the page is closed.',
  blocked: 'An old tab of this page holds the storage: close it. Until then, changes that are not sent are lost when the page is closed.',
  outdated: 'A newer version of this page is open in another tab: reload this one. Until then, what it cannot send is lost when it is closed.',
};

export function warningsOf(status: Omit<Status, 'warnings'>): string[] {
  const warnings: (string | null)[] = [
    storageWarnings[status.storage],
    status.signedOut ? 'Signed out: changes are kept here until you sign in again.' : null,
    status.connection === 'offline' ? 'The backend cannot be reached: changes are kept here and sent later.' : null,
    status.attention > 0 ? `${status.attention} of your changes could not be saved and need a decision.` : null,
    status.clockSkewMs === null ? null : `This device’s clock is off by ${duration(Math.abs(status.clockSkewMs))}.`,
    status.stream === 'own' ? 'Each tab has its own connection here: many open tabs may have to wait for each other.' : null,
    status.faults ? `Faults are switched on in this browser: ${faultsInWords(status.faults)}.` : null,
  ];
  return warnings.filter((warning) => warning !== null);
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
