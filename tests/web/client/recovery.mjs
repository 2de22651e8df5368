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

  clientTest('a change that is being tried is given up when the attempt ends without an answer', async ({ backend, tab }) => {
    const page = await tab();
    let fail;
    const held = new Promise((_, reject) => (fail = reject));
    backend.next(/^POST/, () => held);
    const saved = page.collection('clients').add({ full_name: 'A' });
    await soon('it waits', () => page.sync.unsent.value.length === 1);
    const givenUp = page.sync.discardUnsent(page.sync.unsent.value[0].key);
    backend.stop();
    fail(new TypeError('cut'));
    assert.equal(await givenUp, true);
    assert.equal((await saved).stored, 'outbox');
    assert.deepEqual(page.sync.unsent.value, []);
  });

  clientTest('a change that is on its way cannot be given up: its answer decides', async ({ backend, tab }) => {
    const page = await tab();
    let release;
    const held = new Promise((resolve) => (release = resolve));
    backend.next(/^POST/, () => held);
    const saved = page.collection('clients').add({ full_name: 'A' });
    await soon('it waits', () => page.sync.unsent.value.length === 1);
    const givenUp = page.sync.discardUnsent(page.sync.unsent.value[0].key);
    release();
    assert.equal((await saved).stored, 'backend');
    assert.equal(await givenUp, false);
    assert.equal(await page.sync.discardUnsent('nothing'), false);
  });
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
