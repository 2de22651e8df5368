// Random histories against the scripted backend: at the end the backend equals the cache, and each change was made once.
//
//   SYNCLOG_TEST_SEED=n repeats one; SYNCLOG_TEST_LONG=1 runs many more.
import { describe, test } from 'node:test';
import { runHistory } from './support/history.mjs';
import { ScriptedBackend } from './support/scripted_backend.mjs';

const atOnce = 6;
const histories = process.env.SYNCLOG_TEST_LONG ? 3_000 : 200;
const fixed = process.env.SYNCLOG_TEST_SEED;
const first = fixed ? Number(fixed) : Math.floor(Math.random() * 2 ** 30);

function world() {
  const backend = new ScriptedBackend();
  return Object.assign(Object.create(backend), {
    tabOptions: { limits: { leaseMs: 200, firstTryMs: 50 } },
    fetch: backend.fetch,
    stop: () => backend.stop(),
    start: () => backend.start(),
    dropStreams: () => backend.dropStreams(),
    next: (pattern, treatment) => backend.next(pattern, treatment),
    change: (id, fields) => backend.change('clients', id, fields),
    remove: (id) => backend.remove('clients', id),
    rows: () => backend.rows('clients'),
    log: () => backend.log,
    applied: backend.applied,
    heal: () => {
      backend.forget();
      backend.start();
    },
  });
}

describe('random histories', () => {
  const count = fixed ? 1 : histories;
  test(`offline, lost answers, crashes, conflicts: backend = cache, each change once (${count} from seed ${first})`, { timeout: 850_000 }, async () => {
    let next = first;
    const worker = async () => {
      try {
        while (next < first + count) await runHistory(world(), next++);
      } finally {
        next = Infinity; // one failure is enough
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  });
});
