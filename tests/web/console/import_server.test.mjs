// A file divided here and sent in chunks against the same file sent whole: the real server says the same of both.
//
//   SYNCLOG_TEST_SEED=n repeats one file; SYNCLOG_TEST_LONG=1 tries many more.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { distributorFile, fileOf, randomFile, utf16 } from '../support/csv_files.mjs';
import { Server } from '../support/server.mjs';
import { consoleModule } from '../support/console_module.mjs';

const files = process.env.SYNCLOG_TEST_LONG ? 2_000 : 40;
const fixed = process.env.SYNCLOG_TEST_SEED;
const first = fixed ? Number(fixed) : Math.floor(Math.random() * 2 ** 30);
let server;
let csv;
let job;
before(async () => {
  [csv, job, server] = await Promise.all([consoleModule('csv/file.ts'), consoleModule('pages/import/job.ts'), Server.start()]);
});
after(() => server?.close());

const send = (path, init) => fetch(server.origin + path, init);

async function whole(entity, file) {
  const answer = await send(`/api/${entity}?dry_run=true`, { method: 'POST', headers: { 'Content-Type': 'text/csv' }, body: await file.arrayBuffer() });
  return answer.json();
}
async function inChunks(entity, file, options) {
  const opened = await csv.openCsv(file);
  return { opened, ended: await new job.ImportJob({ csv: opened, entity, overrides: [], mode: 'try', run: 'trial', actor: null, actorNow: () => null, send, onProgress: () => {}, ...options }).run() };
}

describe('the same file whole and in chunks', () => {
  test(`random files: the same rows, and the same lines rejected for the same reasons (${fixed ? 1 : files} from seed ${first})`, { timeout: 600_000 }, async () => {
    let differing = 0;
    for (let seed = first; seed < first + (fixed ? 1 : files); ++seed) {
      const { file } = randomFile(seed);
      const blob = fileOf([file]);
      const [expected, { opened, ended }] = await Promise.all([whole('clients', blob), inChunks('clients', blob, { limits: { lines: 9, bytes: 1024 * 1024 } })]);
      const lines = (list) => list.map(({ line }) => line);
      const refused = expected.results.filter(({ status }) => status === 'rejected');
      assert.equal(opened.records, expected.results.length, `seed ${seed}: rows`);
      assert.equal(ended.phase.name, 'done', `seed ${seed}: ${JSON.stringify(ended.phase)}`);
      assert.equal(ended.counts.rows, expected.results.length, `seed ${seed}: rows of the chunks`);
      assert.deepEqual(lines(ended.rejects), lines(refused), `seed ${seed}: lines`);
      if (refused.length > 0) ++differing;
    }
    if (!fixed) assert.ok(differing > files / 4, 'some of the files have something wrong in them');
  });

  test('UTF-16 and Latin-1 files are saved with their letters', async () => {
    const text = 'full_name;city\r\nÜmit Çağlar;İzmir\r\n';
    const latin = 'full_name;city\r\nÞór Ægisson;Þórshöfn\r\n';
    for (const [bytes, name] of [[utf16(text), 'Ümit Çağlar'], [Buffer.from(latin, 'latin1'), 'Þór Ægisson']]) {
      const { ended } = await inChunks('clients', fileOf([bytes]), { mode: 'save', run: `import-${bytes.length}` });
      assert.deepEqual([ended.phase.name, ended.counts.created], ['done', 1]);
      const rows = await (await send(`/api/clients?search=${encodeURIComponent(name)}`)).json();
      assert.deepEqual(rows.map(({ full_name }) => full_name), [name]);
    }
  });

  test('the distributor file: saved once, unchanged the second time, every event under the import’s own request', async () => {
    const file = fileOf([distributorFile({ rows: 5_000, broken: [1_999, 2_000, 4_321] })]);
    const { ended } = await inChunks('distributors', file, { mode: 'save', run: 'import-first' });
    assert.deepEqual(ended.counts, { rows: 5_003, created: 4_997, updated: 0, unchanged: 0, rejected: 6 });
    const { ended: again } = await inChunks('distributors', file, { mode: 'save', run: 'import-second' });
    assert.deepEqual(again.counts, { rows: 5_003, created: 0, updated: 0, unchanged: 4_997, rejected: 6 });
    const [one] = await (await send('/api/distributors?code=D7')).json();
    assert.equal(one.distributor_name, 'Ann "7" Other');
    assert.equal(one.agreement_data.EXTRA_1, 'N/A');
  });
});
