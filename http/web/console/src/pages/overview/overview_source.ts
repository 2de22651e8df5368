// How the server is: asked every few seconds while somebody looks. What a server or a role does not give is left out.
import { signal } from '@preact/signals';
import { api, RefusedError } from '../../data/api.ts';
import { hasRoute } from '../../data/definitions.ts';

/** GET /api/admin/overview; every part may be missing. */
export interface Overview {
  head?: { position: number; cursor: string; recorded_at: string | null };
  /** Today's, oldest first; minutes without an event are left out. */
  minutes?: { at: string; events: number }[];
  entities?: { entity: string; records: number; branches?: { branch: string | null; records: number }[] }[];
  streams?: number;
  database?: Record<string, unknown>;
}
/** GET /readyz?verbose */
export interface Readiness {
  status: string;
  checks: Record<string, string>;
  /** Not for everybody. */
  head?: string;
}
export interface OverviewState {
  overview: Overview | null;
  readiness: Readiness | null;
  problem: unknown;
  /** The reader's role does not see the counts. */
  isForbidden: boolean;
  isLoading: boolean;
}

const everyMs = 5_000;
export const overviewRoute = '/api/admin/overview';

export class OverviewSource {
  readonly state = signal<OverviewState>({ overview: null, readiness: null, problem: null, isForbidden: false, isLoading: true });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  readonly #wake = () => document.visibilityState === 'visible' && this.load();

  constructor() {
    document.addEventListener('visibilitychange', this.#wake);
    void this.load();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#wake);
  }

  async load(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const readiness = await api<Readiness>('/readyz?verbose');
      this.#set({ readiness, problem: null });
      if (hasRoute(overviewRoute) && !this.state.value.isForbidden) this.#set({ overview: await api<Overview>(overviewRoute) });
    } catch (error) {
      if (error instanceof RefusedError && [401, 403, 404].includes(error.problem.status)) this.#set({ isForbidden: true });
      else this.#set({ problem: error });
    }
    this.#set({ isLoading: false });
    if (!this.#isClosed && document.visibilityState === 'visible') this.#timer = setTimeout(() => void this.load(), everyMs);
  }

  #set(changes: Partial<OverviewState>): void {
    if (!this.#isClosed) this.state.value = { ...this.state.value, ...changes };
  }
}

/** Events of each of the last minutes, the newest last. */
export function lastMinutes(minutes: readonly { at: string; events: number }[], count: number, nowMs: number): number[] {
  const thisMinute = Math.floor(nowMs / 60_000);
  const bins = new Array<number>(count).fill(0);
  for (const { at, events } of minutes) {
    const back = thisMinute - Math.floor(Date.parse(at) / 60_000);
    if (back >= 0 && back < count) bins[count - 1 - back]! += events;
  }
  return bins;
}
