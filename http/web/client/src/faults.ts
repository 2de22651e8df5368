// Faults that a person switches on to see how a page recovers: what leaves this client and what comes back suffers them.
import { Signal } from './signal.js';
import type { Fetch } from './transport.js';

export interface Faults {
  /** Nothing gets through; what is under way is cut. */
  offline: boolean;
  /** Share of answers that are lost on the way, 0 to 1; streams break off now and then. */
  drop: number;
  /** Added to every request, half to one and a half times as long. */
  slowMs: number;
}

export const noFaults: Faults = { offline: false, drop: 0, slowMs: 0 };
export const areOn = ({ offline, drop, slowMs }: Faults): boolean => offline || drop > 0 || slowMs > 0;

export function faultsInWords({ offline, drop, slowMs }: Faults): string {
  return [offline ? 'offline' : '', drop > 0 ? `${Math.round(drop * 100)} % of answers lost` : '', slowMs > 0 ? `${slowMs} ms slower` : ''].filter(Boolean).join(', ');
}

const streamLivesMs = 10_000; // at most, when answers are lost

/** The same fetch while no fault is on. */
export function withFaults(fetch: Fetch, faults: Signal<Faults>): Fetch {
  const open = new Set<AbortController>();
  faults.subscribe(({ offline }) => {
    if (offline) for (const connection of open) connection.abort(new TypeError('offline'));
  });
  return async (input, init = {}) => {
    const { slowMs } = faults.value;
    if (slowMs > 0) await pause(slowMs * (0.5 + Math.random()), init.signal);
    const { offline, drop } = faults.value;
    if (offline) throw new TypeError('offline');
    const connection = new AbortController();
    const given = init.signal;
    const end = () => {
      connection.abort(given?.reason);
      open.delete(connection);
    };
    if (given?.aborted) end();
    else given?.addEventListener('abort', end);
    open.add(connection);
    let isStream = false;
    try {
      const answer = await fetch(input, { ...init, signal: connection.signal });
      isStream = answer.headers.get('Content-Type')?.startsWith('text/event-stream') === true;
      if (Math.random() < drop) {
        if (!isStream) {
          void answer.body?.cancel();
          throw new TypeError('the answer was lost');
        }
        setTimeout(end, Math.random() * streamLivesMs);
      }
      return answer;
    } finally {
      if (!isStream) open.delete(connection);
    }
  };
}

function pause(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
