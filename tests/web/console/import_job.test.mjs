// An import against a scripted server: what it does when answers are lost, the server is away, or a person changes their mind.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { distributorFile, fileOf } from '../support/csv_files.mjs';
import { consoleModule } from '../support/console_module.mjs';
import { until } from '../support/wait.mjs';

let csv;
let job;
let rejects;
let resume;
before(async () => {
  csv = await consoleModule('csv/file.ts');
  job = await consoleModule('pages/import/job.ts');
  rejects = await consoleModule('pages/import/rejects.ts');
  resume = await consoleModule('pages/import/resume.ts');
});

const soon = (what, condition) => until(what, condition, { everyMs: 2, timeoutMs: 10_000 });

// Saves rows by their first cell; a row with another number of cells than the header is refused.
class RowServer {
  rows = new Map();
  answers = new Map();
  requests = [];
  next = []; // what happens to the next requests: 'fail' (nothing arrives), 'lose' (done, the answer lost), a Response, or a function that is waited for

  send = async (path, init) => {
    const text = await init.body.text();
    const key = init.headers['Idempotency-Key'];
    this.requests.push({ path, key, requestId: init.headers['X-Request-Id'], text });
    const treatment = this.next.shift();
    if (treatment === 'fail') throw new TypeError('fetch failed');
    if (treatment instanceof Response) return treatment;
    if (typeof treatment === 'function') await treatment();
    if (init.signal?.aborted) throw new DOMException('aborted', 'AbortError');
    const body = this.answers.get(key) ?? this.#save(text, path.includes('dry_run=true'));
    if (key) this.answers.set(key, body);
    if (treatment === 'lose') throw new TypeError('fetch failed');
    const status = body.rejected === 0 ? 200 : body.count === 0 ? 422 : 207;
    return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } });
  };

  #save(text, dryRun) {
    const lines = text.split('\r\n').slice(0, -1);
    const width = lines[0].split(';').length;
    const body = { count: 0, created: 0, updated: 0, unchanged: 0, rejected: 0, results: [] };
    lines.slice(1).forEach((line, index) => {
      const cells = line.split(';');
      if (cells.length !== width) {
        ++body.rejected;
        const errors = [{ pointer: '', detail: `has ${cells.length} fields where the header has ${width}` }];
        return body.results.push({ index, status: 'rejected', line: index + 2, code: 'invalid', errors });
      }
      const status = this.rows.has(cells[0]) ? (this.rows.get(cells[0]) === line ? 'unchanged' : 'updated') : 'created';
      if (!dryRun) this.rows.set(cells[0], line);
      ++body[status];
      ++body.count;
      body.results.push({ index, id: cells[0], status, version: 1 });
    });
    return body;
  }
}

async function started(server, options = {}) {
  const opened = await csv.openCsv(options.file ?? fileOf([distributorFile({ rows: 450, broken: [30, 301] })]));
  const seen = [];
  const made = new job.ImportJob({
    csv: opened, entity: 'distributors', overrides: [], mode: 'save', run: 'import-1', actor: 'ann', actorNow: () => 'ann', send: server.send,
    onProgress: (progress) => seen.push(progress), limits: { lines: 100, bytes: 1024 * 1024 }, retry: { baseMs: 1, capMs: 5 }, ...options,
  });
  return { job: made, seen, opened };
}
const sum = ({ created, updated, unchanged, rejected }) => created + updated + unchanged + rejected;
const problem = (status, code, detail) => new Response(JSON.stringify({ status, code, title: 'Refused', detail }), { status, headers: { 'Content-Type': 'application/problem+json' } });

describe('an import', () => {
  test('saves every good row and reports every bad one with its line; the counts add up', async () => {
    const server = new RowServer();
    const { job: running, opened } = await started(server);
    const { phase, counts, rejects: refused, share, line } = await running.run();
    assert.equal(phase.name, 'done');
    assert.deepEqual(counts, { rows: 452, created: 448, updated: 0, unchanged: 0, rejected: 4 });
    assert.equal(sum(counts), opened.records);
    assert.deepEqual(refused.map((one) => one.line), [31, 32, 303, 304]);
    assert.match(refused[0].reasons[0], /has \d+ fields where the header has 51/);
    assert.ok(refused[0].text.startsWith('D30;'));
    assert.equal(share, 1);
    assert.equal(line, 453);
    assert.equal(server.rows.size, 448);
    assert.deepEqual([...new Set(server.requests.map(({ requestId }) => requestId))], ['import-1']);
    assert.equal(new Set(server.requests.map(({ key }) => key)).size, server.requests.length);
  });

  test('the server is away and answers are lost in the middle: it goes on by itself, and each chunk lands once', async () => {
    const server = new RowServer();
    server.next = [undefined, 'fail', 'lose', problem(503, 'busy', ''), new Response('<html>', { status: 200, headers: { 'Content-Type': 'text/html' } })];
    const { job: running, seen } = await started(server);
    const { phase, counts } = await running.run();
    assert.equal(phase.name, 'done');
    assert.deepEqual(counts, { rows: 452, created: 448, updated: 0, unchanged: 0, rejected: 4 });
    assert.equal(server.answers.size, 5);
    assert.equal(server.requests.length, 9);
    const waits = seen.map((one) => one.phase).filter(({ name }) => name === 'waiting');
    assert.deepEqual(waits.map(({ mayHaveLanded }) => mayHaveLanded).slice(0, 2), [true, true]);
  });

  test('cancelled while a chunk is on its way: it is waited for, and nothing comes after it', async () => {
    const server = new RowServer();
    let release;
    server.next = [undefined, () => new Promise((resolve) => (release = resolve))];
    const { job: running } = await started(server);
    const ended = running.run();
    await soon('the second chunk is on its way', () => release);
    running.cancel();
    assert.equal(running.progress.cancelling, true);
    release();
    const { phase, counts } = await ended;
    assert.deepEqual(phase, { name: 'cancelled', uncertain: null });
    assert.equal(counts.rows, 200);
    assert.equal(server.rows.size, counts.created);
  });

  test('cancelled while the server is away: what may have been saved is said', async () => {
    const server = new RowServer();
    server.next = [undefined, 'lose', ...Array(1_000).fill('fail')];
    const { job: running } = await started(server, { retry: { baseMs: 1, capMs: 60_000 } });
    const ended = running.run();
    await soon('it waits', () => running.progress.phase.name === 'waiting');
    running.cancel();
    assert.deepEqual((await ended).phase, { name: 'cancelled', uncertain: { firstLine: 102, lastLine: 201 } });
  });

  test('a trial saves nothing, needs no keys, and ends at once when cancelled', async () => {
    const server = new RowServer();
    const { job: running } = await started(server, { mode: 'try' });
    const { counts } = await running.run();
    assert.equal(counts.created, 448);
    assert.equal(server.rows.size, 0);
    assert.ok(server.requests.every(({ key, path }) => key === undefined && path.endsWith('&dry_run=true')));

    server.next = [() => new Promise((resolve) => setTimeout(resolve, 60_000).unref())];
    const slow = new RowServer();
    slow.send = (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const { job: other } = await started(slow, { mode: 'try' });
    const ended = other.run();
    other.cancel();
    assert.equal((await ended).phase.name, 'cancelled');
  });

  test('401 waits for the sign-in and then goes on', async () => {
    const server = new RowServer();
    server.next = [undefined, problem(401, 'unauthorized', 'sign in')];
    const { job: running } = await started(server, { retry: { baseMs: 1, capMs: 60_000 } });
    const ended = running.run();
    await soon('it asks to sign in', () => running.progress.phase.name === 'signed out');
    running.hurry();
    assert.equal((await ended).phase.name, 'done');
  });

  test('somebody else signs in: it ends before the next part and says so', async () => {
    const server = new RowServer();
    server.next = [undefined, problem(401, 'unauthorized', 'sign in')];
    let now = 'ann';
    const { job: running } = await started(server, { actorNow: () => now, retry: { baseMs: 1, capMs: 60_000 } });
    const ended = running.run();
    await soon('it asks to sign in', () => running.progress.phase.name === 'signed out');
    now = 'bob';
    running.hurry();
    const { phase, counts } = await ended;
    assert.equal(phase.name, 'failed');
    assert.match(phase.reason, /begun by ann, and bob is signed in now/);
    assert.equal(counts.rows, 100);
    assert.equal(server.requests.length, 2);
  });

  test('told to end while a part is on its way: nothing comes after it, and the reason stays', async () => {
    const server = new RowServer();
    let release;
    server.next = [() => new Promise((resolve) => (release = resolve))];
    const { job: running } = await started(server);
    const ended = running.run();
    await soon('the first part is on its way', () => release);
    running.end('Somebody else has signed in.');
    release();
    assert.deepEqual((await ended).phase, { name: 'failed', reason: 'Somebody else has signed in.' });
    assert.equal(server.requests.length, 1);
  });

  test('a refusal of the whole ends it and says why', async () => {
    const server = new RowServer();
    server.next = [undefined, problem(400, 'bad_request', 'map names "X", which is no field of distributors')];
    const { phase, counts } = await (await started(server)).job.run();
    assert.deepEqual(phase, { name: 'failed', reason: 'map names "X", which is no field of distributors' });
    assert.equal(counts.rows, 100);
  });

  test('a page that was closed goes on with the same file where it was, with the same keys', async () => {
    const server = new RowServer();
    server.next = [undefined, undefined, 'lose', ...Array(1_000).fill('fail')];
    const first = await started(server, { retry: { baseMs: 1, capMs: 60_000 } });
    void first.job.run();
    await soon('it waits', () => first.job.progress.phase.name === 'waiting');
    const { chunks, counts } = first.job.progress; // and then the page is gone
    server.next = [];
    const second = await started(server, { done: { chunks, counts } });
    const ended = await second.job.run();
    assert.deepEqual(ended.counts, { rows: 452, created: 448, updated: 0, unchanged: 0, rejected: 4 });
    assert.equal(server.answers.size, 5);
  });

  test('the file of rejected lines holds the original lines, and can be imported as it is', async () => {
    const server = new RowServer();
    const { job: running, opened } = await started(server);
    const { rejects: refused } = await running.run();
    const file = rejects.rejectsFile(opened, refused);
    const lines = (await file.text()).split('\r\n');
    assert.ok(lines[0].replace('\ufeff', '').startsWith('rejected_line;rejected_because;DRN;'));
    assert.match(lines[1], /^31;"has \d+ fields where the header has 51";D30;/);
    assert.equal(lines.length, 6);
    const again = await csv.openCsv(fileOf([file]));
    assert.deepEqual(csv.sentColumns(again), opened.header.names);
  });

  test('more rejected rows than are kept are counted', async () => {
    const rows = job.maxRejectsKept + 50;
    const { job: running } = await started(new RowServer(), { file: fileOf([`a;b\r\n${'x\r\n'.repeat(rows)}`]), limits: job.saveLimits });
    const { rejects: kept, rejectsLeftOut, counts } = await running.run();
    assert.equal(kept.length, job.maxRejectsKept);
    assert.equal(rejectsLeftOut, 50);
    assert.equal(counts.rejected, rows);
  });
});

describe('an unfinished import', () => {
  const storage = () => {
    const kept = new Map();
    return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
  };
  const of = (file) => ({ run: 'import-1', actor: 'ann', file: { name: file.name, size: file.size, modified: file.lastModified }, entity: 'clients', overrides: [], chunks: 3, counts: job.noCounts, line: 7, savedMs: Date.now() });

  test('is known again by its file, not by another, and not for ever', () => {
    const held = storage();
    const file = fileOf(['a\n1\n']);
    resume.keepUnfinished(held, of(file));
    assert.equal(resume.unfinishedOf(held, file).chunks, 3);
    assert.equal(resume.unfinishedOf(held, file).actor, 'ann');
    assert.equal(resume.unfinishedOf(held, fileOf(['a\n12\n'])), null);
    resume.keepUnfinished(held, { ...of(file), savedMs: Date.now() - 8 * 24 * 3_600_000 });
    assert.equal(resume.unfinishedOf(held, file), null);
    resume.keepUnfinished(held, of(file));
    resume.keepUnfinished(held, null);
    assert.equal(resume.unfinishedOf(held, file), null);
  });
});
