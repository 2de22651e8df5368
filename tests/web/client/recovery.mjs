// What a person sees of unsent changes and does with them, and faults that are switched on to try it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { patchOf } from '../../../http/web/client/dist/modules/merge.js';
import { clientTest, following, idle, soon } from './behaviour.mjs';

export function recoveryTests() {
  describe('what is unsent', { concurrency: 4 }, unsentTests);
  describe('faults', { concurrency: 4 }, faultTests);
  describe('connection', { concurrency: 4 }, connectionTests);
  describe('choices', choiceTests);
}

function unsentTests() {
  clientTest('each change that waits is listed with what it is, since when, how often it was tried and why it waits', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    await clients.add({ id: 'a', full_name: 'A' });
    backend.stop();
    await clients.update('a', { phone: '1' });
    await clients.update('a', { phone: '2' });
    const [first, second] = page.sync.unsent.value;
    assert.deepEqual([first.entity, first.kind, first.ids, first.fields], ['clients', 'update', ['a'], { phone: '1' }]);
    assert.ok(first.created instanceof Date);
    assert.equal(first.isBehind, false);
    assert.equal(second.isBehind, true);
    await soon('it was tried', () => page.sync.unsent.value[0].tries >= 2);
    assert.equal(page.sync.unsent.value[0].reason, 'fetch failed');
    assert.equal(page.sync.unsent.value[1].tries, 0);
    backend.start();
    await idle(page);
    assert.deepEqual(page.sync.unsent.value, []);
    assert.equal(page.status.nextTry, null);
  });

  clientTest('send now does not wait for the next try, from any tab', async ({ backend, tab }) => {
    const limits = { retryBaseMs: 60_000, retryCapMs: 120_000 };
    const [leader, other] = [await tab({ limits }), await tab({ limits })];
    backend.stop();
    await other.collection('clients').add({ full_name: 'A' });
    leader.sync.sendNow();
    await leader.until('it is planned', ({ nextTry, unsent }) => nextTry !== null && unsent === 1);
    backend.start();
    other.sync.sendNow();
    await leader.until('sent', ({ unsent }) => unsent === 0);
    assert.equal(backend.rows('clients').length, 1);
  });

  clientTest('a change that waits can be given up; what comes after it goes on', async ({ backend, browser, tab }) => {
    const page = await tab({ limits: { firstTryMs: 1 } });
    const clients = page.collection('clients');
    await clients.add({ id: 'a', full_name: 'A' });
    backend.stop();
    await clients.update('a', { phone: '1' });
    await clients.update('a', { city: 'Here' });
    const [first] = page.sync.unsent.value;
    assert.equal(await page.sync.discardUnsent(first.key), true);
    assert.equal(page.sync.unsent.value.length, 1);
    page.crash();
    backend.start();
    const reloaded = await browser.tab(backend);
    await idle(reloaded);
    assert.equal(backend.rows('clients')[0].phone, undefined);
    assert.equal(backend.rows('clients')[0].city, 'Here');
  });

  clientTest('a change that is being tried and given up is not tried again', async ({ backend, tab }) => {
    const page = await tab();
    const wire = hold(backend, /^POST/);
    const saved = page.collection('clients').add({ full_name: 'A' });
    await soon('on the wire', () => wire.isEntered);
    const [{ key }] = page.sync.unsent.value;
    assert.equal(await page.sync.discardUnsent(key), true);
    assert.deepEqual(page.sync.unsent.value.map(({ isGivenUp }) => isGivenUp), [true]);
    wire.fail();
    const { stored, warning } = await saved;
    assert.equal(stored, 'outbox');
    assert.match(warning, /[Dd]iscarded/);
    assert.deepEqual(page.sync.unsent.value, []);
    page.sync.sendNow();
    await idle(page);
    assert.deepEqual(backend.rows('clients'), []);
    assert.equal(await page.sync.discardUnsent(key), false);
  });

  clientTest('a change that is given up in another tab than the one that tries it is not tried again', async ({ backend, tab }) => {
    const [page, other] = [await tab(), await tab()];
    const wire = hold(backend, /^POST/);
    const saved = page.collection('clients').add({ full_name: 'A' });
    await soon('on the wire, and seen', () => wire.isEntered && other.sync.unsent.value.length === 1);
    assert.equal(await other.sync.discardUnsent(other.sync.unsent.value[0].key), true);
    wire.fail();
    assert.match((await saved).warning, /[Dd]iscarded/);
    await soon('gone in both', () => page.status.unsent === 0 && other.status.unsent === 0);
    assert.deepEqual(backend.rows('clients'), []);
  });

  clientTest('a change that was given up while a tab tried it, and died, is gone', async ({ backend, tab }) => {
    const limits = { leaseMs: 200, requestMs: 1_000 };
    const [page, other] = [await tab({ limits }), await tab({ limits })];
    const wire = hold(backend, /^POST/);
    void page.collection('clients').add({ full_name: 'A' });
    await soon('on the wire, and seen', () => wire.isEntered && other.sync.unsent.value.length === 1);
    page.crash();
    assert.equal(await other.sync.discardUnsent(other.sync.unsent.value[0].key), true);
    await soon('gone', () => other.status.unsent === 0);
    assert.deepEqual(backend.rows('clients'), []);
  });

  clientTest('given up while others changed the record: it is not merged and sent again', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    await clients.add({ id: 'a', full_name: 'A', phone: '0' });
    const wire = hold(backend, /^PATCH/);
    const saved = clients.update('a', { phone: 'mine' });
    await soon('on the wire', () => wire.isEntered);
    assert.equal(await page.sync.discardUnsent(page.sync.unsent.value[0].key), true);
    backend.change('clients', 'a', { city: 'theirs' });
    wire.release();
    assert.match((await saved).warning, /[Dd]iscarded/);
    await idle(page);
    assert.deepEqual([backend.rows('clients')[0].phone, backend.rows('clients')[0].city], ['0', 'theirs']);
  });

  clientTest('what was given up but got through stands', async ({ backend, tab }) => {
    const page = await tab();
    const wire = hold(backend, /^POST/);
    const saved = page.collection('clients').add({ full_name: 'A' });
    await soon('on the wire', () => wire.isEntered);
    assert.equal(await page.sync.discardUnsent(page.sync.unsent.value[0].key), true);
    wire.release();
    assert.equal((await saved).stored, 'backend');
    assert.equal(backend.rows('clients').length, 1);
    assert.equal(await page.sync.discardUnsent('nothing'), false);
  });

  clientTest('the save of a change that is given up is not told that the backend has it', async ({ backend, tab }) => {
    const [page, other] = [await tab(), await tab()];
    for (const givingUp of [page, other]) {
      const wire = hold(backend, /^POST/);
      const first = page.collection('clients').save({ id: 'a', phone: '1', full_name: 'A' });
      await soon('on the wire', () => wire.isEntered);
      const second = page.collection('clients').save({ id: 'a', city: 'Here' });
      await soon('both wait', () => givingUp.sync.unsent.value.length === 2);
      assert.equal(await givingUp.sync.discardUnsent(givingUp.sync.unsent.value[1].key), true);
      wire.release();
      assert.equal((await first).stored, 'backend');
      const { stored, warning } = await second;
      assert.equal(stored, 'outbox');
      assert.match(warning, /[Dd]iscarded/);
      await idle(page);
    }
    assert.equal(backend.rows('clients')[0].city, undefined);
  });

  clientTest('what stands behind a refused change is given up at once, also in another tab', async ({ tab }) => {
    const [page, other] = [await tab(), await tab()];
    await page.collection('clients').save({ id: 'a', phone: '1' });
    await page.collection('clients').save({ id: 'a', phone: '2' });
    await soon('both are seen', () => other.status.attention === 1 && other.sync.unsent.value.length === 1);
    assert.equal(await other.sync.discardUnsent(other.sync.unsent.value[0].key), true);
    assert.deepEqual(other.sync.unsent.value, []);
    await page.until('gone there, too', ({ unsent }) => unsent === 0);
  });

  clientTest('given up in another tab while the release fails: it is not tried again', async ({ backend, browser, tab }) => {
    const [page, other] = [await tab(), await tab()];
    const wire = hold(backend, /^POST/);
    const saved = page.collection('clients').add({ full_name: 'A' });
    await soon('on the wire, and seen', () => wire.isEntered && other.sync.unsent.value.length === 1);
    assert.equal(await other.sync.discardUnsent(other.sync.unsent.value[0].key), true);
    const remove = IDBObjectStore.prototype.delete;
    let hasFailed = false;
    IDBObjectStore.prototype.delete = function (...given) {
      const isIt = !hasFailed && this.transaction.db.name === browser.storage; // other tests run beside
      if (!isIt) return remove.apply(this, given);
      hasFailed = true;
      throw new DOMException('cannot', 'AbortError');
    };
    wire.fail();
    try {
      assert.equal((await saved).stored, 'outbox');
      await soon('gone in both', () => page.status.unsent === 0 && other.status.unsent === 0);
    } finally {
      IDBObjectStore.prototype.delete = remove;
    }
    assert.ok(hasFailed);
    assert.deepEqual(backend.rows('clients'), []);
  });

  clientTest('what cannot be taken out of the storage is not said to be given up', async ({ backend, tab }) => {
    const page = await tab();
    backend.stop();
    const { key } = await page.collection('clients').add({ full_name: 'A' });
    await page.sync.close();
    assert.equal(await page.sync.discardUnsent(key), false);
    const next = await tab();
    await next.until('it waits', ({ unsent }) => unsent === 1);
  });

  clientTest('a correction that is sent twice at once is answered twice', async ({ tab }) => {
    const page = await tab();
    const { key } = await page.collection('clients').add({ phone: '1' });
    const both = await Promise.allSettled([page.sync.retry(key, { full_name: 'N' }), page.sync.retry(key, { full_name: 'N' })]);
    assert.ok(both.every((one) => one.status === 'rejected' || one.value.stored === 'backend'), JSON.stringify(both));
  });

  clientTest('a bulk that another tab sent and that was taken apart is not told to be done', async ({ backend, tab }) => {
    const limits = { firstTryMs: 100, leaseMs: 900 };
    const lead = await tab({ limits });
    const page = await tab({ limits: { ...limits, lanesAtOnce: 1, leaseMs: 5_000 } });
    await lead.until('it leads', ({ connection }) => connection === 'online');
    const wire = hold(backend, /^POST/);
    const slow = page.collection('clients').add({ full_name: 'slow' });
    await soon('on the wire', () => wire.isEntered);
    const all = page.collection('clients').saveAll([{ full_name: 'good' }, { phone: 'no name' }]);
    await soon('the other tab has sent it', () => page.status.attention === 1);
    const { stored, problems } = await all;
    assert.equal(stored, 'attention');
    assert.equal(problems.length, 1);
    wire.release();
    assert.equal((await slow).stored, 'backend');
  });
}

// The next request that matches stands still until it is let go, or cut.
function hold(backend, pattern) {
  const wire = { isEntered: false };
  const held = new Promise((resolve, reject) => {
    wire.release = () => resolve();
    wire.fail = () => reject(new TypeError('cut'));
  });
  held.catch(() => {});
  backend.next(pattern, () => {
    wire.isEntered = true;
    return held;
  });
  return wire;
}

function faultTests() {
  clientTest('offline: nothing gets through in any tab, the status says so, and it comes back', async ({ backend, tab }) => {
    const [first, second] = [await tab(), await tab()];
    const seen = { rows: [] };
    first.collection('clients').live({}, (rows) => (seen.rows = rows));
    await following(backend, first);
    first.sync.setFaults({ offline: true });
    await second.until('told', ({ faults, connection }) => faults?.offline === true && connection === 'offline');
    await soon('the stream is cut', () => backend.openStreams.size === 0);
    const before = backend.requests.length;
    assert.equal((await second.collection('clients').add({ full_name: 'A' })).stored, 'outbox');
    assert.equal(backend.requests.length, before);
    assert.match(first.status.warnings.at(-1), /Faults are switched on.*offline/);
    const third = await tab();
    await third.until('a new tab has it too', ({ faults }) => faults?.offline === true);
    second.sync.setFaults({});
    await idle(first);
    assert.equal(first.status.faults, null);
    await soon('live again', () => seen.rows.length === 1);
    assert.deepEqual([...backend.applied.values()], [1]);
  });

  clientTest('lost answers: every change lands once all the same', async ({ backend, tab }) => {
    const page = await tab();
    page.sync.setFaults({ drop: 0.5 });
    const clients = page.collection('clients');
    for (let n = 0; n < 20; ++n) await clients.add({ full_name: `C${n}` });
    page.sync.setFaults({});
    await idle(page);
    assert.equal(backend.rows('clients').length, 20);
    assert.ok([...backend.applied.values()].every((times) => times === 1));
  });

  clientTest('slow: every request takes longer', async ({ tab }) => {
    const page = await tab();
    page.sync.setFaults({ slowMs: 80 });
    const began = performance.now();
    await page.collection('clients').add({ full_name: 'A' });
    assert.ok(performance.now() - began >= 39);
  });

  clientTest('the page’s own requests have the sign-in and suffer the faults', async ({ backend, tab }) => {
    backend.token = 'secret';
    const page = await tab({ token: () => 'secret' });
    assert.equal((await page.sync.fetch('/api/clients')).status, 200);
    page.sync.setFaults({ offline: true });
    await assert.rejects(page.sync.fetch('/api/clients'), TypeError);
  });
}

function connectionTests() {
  clientTest('a request that fails while the stream goes on: offline is said, and taken back by itself', async ({ backend, tab }) => {
    const page = await tab();
    page.collection('clients').live({}, () => {});
    await following(backend, page);
    await page.until('online', ({ connection }) => connection === 'online');
    for (const failure of ['fail', () => new Response('{}', { status: 503, headers: { 'Content-Type': 'application/problem+json' } })]) {
      for (const request of [() => page.collection('clients').load(), () => page.sync.fetch('/api/clients').catch(() => {})]) {
        const seen = [];
        const unsubscribe = page.sync.status.subscribe(({ connection }) => seen.push(connection));
        backend.next(/clients/, failure);
        await request();
        await soon('offline was said', () => seen.includes('offline'));
        await page.until('online again', ({ connection }) => connection === 'online');
        unsubscribe();
      }
    }
    assert.equal(backend.streamsOpened, 1, 'the same stream');
  });

  clientTest('the page’s own requests notice that one must sign in, but not that a token which is tried is wrong', async ({ backend, tab }) => {
    backend.token = 'right';
    const page = await tab();
    await page.sync.fetch('/api/clients', { headers: { Authorization: 'Bearer wrong' } });
    assert.equal(page.status.signedOut, false);
    await page.sync.fetch('/api/clients');
    assert.equal(page.status.signedOut, true);
  });
}

function choiceTests() {
  const fields = [
    { path: ['phone'], base: '0', mine: '1', theirs: '2', conflict: true },
    { path: ['data', 'a'], base: 1, mine: 2, theirs: 3, conflict: true },
    { path: ['data', 'b', 'c'], base: 1, mine: null, theirs: 4, conflict: true },
  ];
  test('each place by itself: mine is written, theirs stays, a third value goes in', () => {
    assert.deepEqual(patchOf(fields, ({ mine }) => mine), { phone: '1', data: { a: 2, b: { c: null } } });
    assert.deepEqual(patchOf(fields, () => undefined), {});
    assert.deepEqual(patchOf(fields, ({ theirs }) => theirs), {});
    assert.deepEqual(patchOf(fields, ({ path }) => (path[0] === 'phone' ? 'other' : undefined)), { phone: 'other' });
  });
}
