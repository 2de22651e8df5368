// What a page may rely on, against the scripted backend.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { adapters } from '../../../http/web/client/dist/modules/adapters.js';
import { OutboxFullError, RefusedError, UnreachableError } from '../../../http/web/client/dist/modules/problem.js';
import { connect } from '../../../http/web/client/dist/modules/sync.js';
import { until } from '../support/wait.mjs';
import { ScriptedBackend } from './support/scripted_backend.mjs';
import { Browser } from './support/tab.mjs';

export const soon = (what, condition) => until(what, condition, { everyMs: 2, timeoutMs: 10_000 });
export const idle = (tab) => tab.until('nothing unsent', ({ unsent, connection }) => unsent === 0 && connection === 'online');

export const following = (backend, page) =>
  page.until('following', ({ connection }) => connection === 'online' && backend.openStreams.size > 0);

// A test with a backend and a browser; every tab it opens is closed with it.
export function clientTest(name, body) {
  test(name, { timeout: 60_000 }, async () => {
    const backend = new ScriptedBackend();
    const browser = new Browser();
    try {
      await body({ backend, browser, tab: (options) => browser.tab(backend, options) });
    } finally {
      await browser.close();
    }
  });
}

export function behaviourTests() {
  describe('saving', { concurrency: 4 }, savingTests);
  describe('conflicts', { concurrency: 4 }, conflictTests);
  describe('loading', { concurrency: 4 }, loadingTests);
  describe('live', { concurrency: 4 }, liveTests);
  describe('signing in', { concurrency: 4 }, signInTests);
}

function savingTests() {
  clientTest('a save reaches the backend first and is in the cache then', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    const { record, stored } = await clients.add({ fullName: 'A. N. Other', data: '{"a":1}' });
    assert.equal(stored, 'backend');
    assert.equal(record.full_name, 'A. N. Other');
    assert.match(record.id, /^CLT-/);
    assert.deepEqual(backend.rows('clients'), [record]);
    assert.deepEqual(record.data, { a: 1 });
    backend.stop();
    const { rows, source } = await clients.load();
    assert.equal(source, 'cache');
    assert.deepEqual(rows, [record]);
  });

  clientTest('backend away: the save is kept with a warning, a new page shows it, and it is sent exactly once', async ({ backend, browser, tab }) => {
    const page = await tab();
    await page.collection('clients').load();
    backend.stop();
    const saved = await page.collection('clients').add({ full_name: 'Kept' });
    assert.equal(saved.stored, 'outbox');
    assert.match(saved.warning, /kept here and sent later/);
    assert.equal(page.status.unsent, 1);
    assert.equal(page.status.connection, 'offline');
    assert.ok(page.status.oldestUnsent instanceof Date);
    page.crash();

    const reloaded = await browser.tab(backend);
    assert.equal(reloaded.status.unsent, 1);
    const { rows, source } = await reloaded.collection('clients').load();
    assert.equal(source, 'cache');
    assert.deepEqual(rows.map(({ full_name }) => full_name), ['Kept']);
    backend.start();
    await idle(reloaded);
    assert.equal(backend.log.length, 1);
    assert.deepEqual([...backend.applied.values()], [1]);
    assert.equal(backend.rows('clients')[0].id, saved.record.id);
  });

  clientTest('an answer that was lost: the save is repeated with its key and lands once', async ({ backend, tab }) => {
    const page = await tab();
    backend.next(/^POST/, 'lose');
    const { stored } = await page.collection('clients').add({ full_name: 'Once' });
    assert.equal(stored, 'outbox');
    await idle(page);
    assert.equal(backend.log.length, 1);
    assert.equal(backend.requests.filter(({ method }) => method === 'POST').length, 2);
    assert.deepEqual([...backend.applied.values()], [1], 'under one key');
  });

  clientTest('an answer that was lost and is repeated after others removed the record does not bring it back', async ({ backend, tab }) => {
    const page = await tab({ limits: { retryBaseMs: 400, retryCapMs: 800 } });
    const clients = page.collection('clients');
    backend.next(/^POST/, 'lose');
    assert.equal((await clients.add({ id: 'c', full_name: 'A' })).stored, 'outbox');
    backend.remove('clients', 'c');
    await clients.load();
    page.sync.sendNow();
    await idle(page);
    await following(backend, page);
    await soon('caught up', () => page.core.cache.cursor('clients') === backend.head);
    assert.equal(clients.known('c'), null);
    assert.deepEqual([...backend.applied.values()], [1]);
  });

  clientTest('a removal that found nothing, whose answer was lost and is repeated, hides nothing that others made since', async ({ backend, tab }) => {
    const page = await tab({ limits: { retryBaseMs: 400, retryCapMs: 800 } });
    const clients = page.collection('clients');
    await clients.load();
    await following(backend, page);
    backend.next(/^DELETE/, 'lose');
    assert.equal((await clients.remove('c')).stored, 'outbox');
    backend.change('clients', 'c', { full_name: 'New' });
    await soon('heard of', () => page.core.cache.row('clients', 'c'));
    page.sync.sendNow();
    await idle(page);
    assert.equal(clients.known('c')?.full_name, 'New');
  });

  clientTest('a crash between the answer and the cache: the repetition changes nothing', async ({ backend, browser, tab }) => {
    const page = await tab();
    backend.next(/^POST/, () => void setImmediate(() => page.crash()));
    void page.collection('clients').add({ full_name: 'Crashed' });
    await soon('the backend has it', () => backend.log.length === 1);
    page.crash();
    const next = await browser.tab(backend, { limits: { leaseMs: 50 } });
    await idle(next);
    assert.equal(backend.log.length, 1);
    const { rows } = await next.collection('clients').load();
    assert.deepEqual(rows, backend.rows('clients'));
  });

  clientTest('changes of one record keep their order; another record does not wait for them', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    const { record: one } = await clients.add({ full_name: 'One' });
    backend.stop();
    await clients.update(one.id, { phone: '1' });
    await clients.update(one.id, { phone: '2' });
    await clients.update(one.id, { phone: '3', city: 'x' });
    await clients.add({ id: 'two', full_name: 'Two' });
    backend.start();
    await idle(page);
    const phones = backend.log.filter(({ id }) => id === one.id).map(({ data }) => data.phone);
    assert.deepEqual(phones, [undefined, '1', '2', '3']);
    assert.equal(backend.rows('clients').length, 2);
  });

  clientTest('a refused change needs attention, blocks only its own record, and is sent when corrected', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.stop();
    await clients.add({ id: 'bad', phone: '1' });
    await clients.update('bad', { city: 'x' });
    await clients.add({ id: 'good', full_name: 'Good' });
    backend.start();
    await page.until('attention', ({ attention }) => attention === 1);
    await soon('the other one', () => backend.rows('clients').length === 1);
    const [item] = page.sync.attention.value;
    assert.equal(item.problem.code, 'invalid');
    assert.deepEqual(item.problem.errors, [{ pointer: '/full_name', detail: 'is required' }]);
    await page.until('what came behind it waits', ({ unsent }) => unsent === 1);
    assert.equal((await page.sync.retry(item.key, { full_name: 'Now good' })).stored, 'backend');
    await idle(page);
    const bad = backend.rows('clients').find(({ id }) => id === 'bad');
    assert.deepEqual([bad.full_name, bad.phone, bad.city], ['Now good', '1', 'x']);
  });

  clientTest('a refused change is not dropped over a reload, can be exported and discarded', async ({ backend, browser, tab }) => {
    const page = await tab();
    const { stored, problem, key } = await page.collection('clients').add({ phone: '1' });
    assert.equal(stored, 'attention');
    assert.equal(problem.code, 'invalid');
    page.crash();
    const next = await browser.tab(backend);
    assert.equal(next.status.attention, 1);
    const exported = JSON.parse(next.sync.exportUnsent()).operations;
    assert.deepEqual(exported.map((one) => [one.key, one.items[0].fields.phone, one.request.method]), [[key, '1', 'POST']]);
    await next.sync.discard(key);
    assert.equal(next.status.attention, 0);
    assert.deepEqual(next.sync.attention.value, []);
  });

  clientTest('a form that handles refusals itself gets them thrown, and nothing is kept', async ({ tab }) => {
    const page = await tab();
    await assert.rejects(page.collection('clients').add({ phone: '1' }, { refused: 'throw' }), RefusedError);
    assert.equal(page.status.attention, 0);
  });

  clientTest('a server error is tried again, and asks a person when it does not end', async ({ backend, tab }) => {
    const page = await tab({ limits: { maxServerErrors: 3 } });
    const broken = () => new Response('{"code":"internal"}', { status: 500, headers: { 'Content-Type': 'application/problem+json' } });
    for (let time = 0; time < 3; ++time) backend.next(/^POST/, broken);
    assert.equal((await page.collection('clients').add({ full_name: 'A' })).stored, 'outbox');
    await page.until('attention', ({ attention }) => attention === 1);
    await page.sync.retry(page.sync.attention.value[0].key);
    assert.equal(backend.rows('clients').length, 1);
  });

  clientTest('a network’s sign-in page is not the backend: what was saved is kept', async ({ backend, tab }) => {
    const page = await tab();
    for (const status of [200, 403]) {
      backend.next(/^POST/, () => new Response('<html>', { status, headers: { 'Content-Type': 'text/html' } }));
    }
    assert.equal((await page.collection('clients').add({ full_name: 'A' })).stored, 'outbox');
    await idle(page);
    assert.equal(backend.log.length, 1);
  });

  for (const kind of ['one', 'several', 'removal']) {
    clientTest(`a success that is not the backend's is no acknowledgement (${kind})`, async ({ backend, tab }) => {
      const page = await tab();
      const clients = page.collection('clients');
      if (kind === 'removal') await clients.add({ id: 'a', full_name: 'A' });
      let requests = 0;
      const stranger = () => {
        ++requests;
        return new Response('{"ok":true}', { headers: { 'Content-Type': 'application/json' } });
      };
      for (let time = 0; time < 3; ++time) backend.next(/^(POST|DELETE)/, stranger);
      const change = { one: () => clients.add({ full_name: 'A' }), several: () => clients.saveAll([{ full_name: 'A' }, { full_name: 'B' }]), removal: () => clients.remove('a') };
      assert.equal((await change[kind]()).stored, 'outbox');
      await idle(page);
      assert.equal(requests, 3);
      assert.equal(backend.rows('clients').length, { one: 1, several: 2, removal: 0 }[kind]);
      assert.deepEqual([...backend.applied.values()].filter((times) => times !== 1), []);
    });
  }

  clientTest('a list and a record that are not the backend’s are not shown', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    await clients.add({ id: 'a', full_name: 'A' });
    const stranger = () => new Response('{"ok":true}', { headers: { 'Content-Type': 'application/json' } });
    backend.next(/^GET .api.clients$/, stranger);
    backend.next(/^GET .api.clients.a/, stranger);
    assert.deepEqual([(await clients.load()).source, (await clients.get('a')).source], ['cache', 'cache']);
    assert.equal((await clients.get('a')).record.full_name, 'A');
  });

  for (const [status, code] of [[503, 'overloaded'], [429, 'too_many_requests']]) {
    clientTest(`a backend that answers ${status} is left alone for as long as it asks`, async ({ backend, tab }) => {
      const page = await tab();
      const busy = () => new Response(`{"code":"${code}"}`, { status, headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '1' } });
      backend.next(/^POST/, busy);
      const began = performance.now();
      await page.collection('clients').add({ full_name: 'A' });
      await soon('sent', () => backend.log.length === 1);
      assert.ok(performance.now() - began > 900);
      assert.equal(page.status.attention, 0);
    });
  }

  clientTest('what one answer asks for holds although another one asks for nothing', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    let cut;
    backend.next(/^POST/, () => new Promise((_, reject) => (cut = () => reject(new TypeError('cut')))));
    const first = clients.add({ full_name: 'A' });
    await soon('on the wire', () => cut !== undefined);
    backend.next(/^POST/, () => new Response('{"code":"overloaded"}', { status: 503, headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '1' } }));
    const began = performance.now();
    assert.equal((await clients.add({ full_name: 'B' })).stored, 'outbox');
    cut();
    assert.equal((await first).stored, 'outbox');
    await soon('sent', () => backend.log.length === 2);
    assert.ok(performance.now() - began > 900);
  });

  clientTest('what is saved after close() is kept, and answered at once', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    await clients.load();
    await page.sync.close();
    const saved = await Promise.race([clients.add({ full_name: 'A' }), new Promise((resolve) => setTimeout(resolve, 5_000, 'late').unref())]);
    assert.equal(saved.stored, 'outbox');
    assert.deepEqual([page.status.nextTry, backend.rows('clients')], [null, []]);
  });

  clientTest('a deleted record is gone at once, and deleting what is gone is no error', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    const { record } = await clients.add({ full_name: 'A' });
    backend.stop();
    assert.equal((await clients.remove(record.id)).stored, 'outbox');
    assert.deepEqual((await clients.load()).rows, []);
    backend.start();
    backend.remove('clients', record.id);
    await idle(page);
    assert.equal(page.status.attention, 0);
    assert.deepEqual((await clients.load()).rows, []);
  });

  clientTest('save all sends only what differs, many at a time, and reports the refused ones', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    const list = Array.from({ length: 450 }, (_, index) => ({ id: `c${index}`, full_name: `Client ${index}` }));
    list[7] = { id: 'c7', phone: 'no name' };
    const first = await clients.saveAll(list);
    assert.deepEqual([first.count, first.unchanged, first.stored, first.problems.length], [450, 0, 'attention', 1]);
    assert.equal(backend.rows('clients').length, 449);
    assert.equal(backend.requests.filter(({ method }) => method === 'POST').length, 3);
    await page.sync.discard(first.problems[0].key);

    const { rows } = await clients.load();
    rows[0] = { ...rows[0], phone: '1' };
    const second = await clients.saveAll(rows);
    assert.deepEqual([second.count, second.unchanged, second.stored], [1, 448, 'backend']);
    assert.equal(backend.log.length, 450);
  });

  clientTest('save all while the backend is away is kept, and its lost answer does no harm', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.stop();
    const kept = await clients.saveAll([{ id: 'a', full_name: 'A' }, { id: 'b', full_name: 'B' }, { id: 'c' }]);
    assert.deepEqual([kept.stored, kept.unsent], ['outbox', 3]);
    await clients.update('a', { phone: '1' });
    backend.next(/^POST/, 'lose');
    backend.start();
    await page.until('all sent', ({ unsent, attention }) => unsent === 0 && attention === 1);
    assert.deepEqual(backend.rows('clients').map(({ id, phone }) => [id, phone]), [['a', '1'], ['b', undefined]]);
    assert.equal(backend.log.length, 3);
  });

  clientTest('a bulk of which nothing is accepted is taken apart', async ({ backend, tab }) => {
    const page = await tab();
    const { problems } = await page.collection('clients').saveAll([{ id: 'a' }, { id: 'b' }]);
    assert.equal(problems.length, 2);
    assert.equal(page.status.attention, 2);
    assert.equal(backend.log.length, 0);
  });

  clientTest('a record without an id is the one with its natural key', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'known-there', { full_name: 'A', reference_number: 'R1' });
    const { record, stored } = await clients.save({ full_name: 'A', reference_number: 'R1', phone: '1' });
    assert.equal(stored, 'backend');
    assert.equal(record.id, 'known-there');
    assert.deepEqual((await clients.load()).rows.map(({ id, phone }) => [id, phone]), [['known-there', '1']]);
    assert.equal((await clients.save({ full_name: 'B', reference_number: 'R1' })).record.id, 'known-there');
  });

  clientTest('what was changed on a record that turns out to be another one follows it', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.stop();
    const { record } = await clients.save({ full_name: 'A', reference_number: 'R1' });
    await clients.update(record.id, { phone: '2' });
    backend.change('clients', 'known-there', { full_name: 'A', reference_number: 'R1' });
    backend.start();
    await idle(page);
    assert.equal(page.status.attention, 0);
    assert.deepEqual(backend.rows('clients').map(({ id, phone }) => [id, phone]), [['known-there', '2']]);
    assert.deepEqual((await clients.load()).rows, backend.rows('clients'));
  });

  clientTest('values of a framework are kept as what JSON makes of them, at once and over a crash', async ({ backend, browser, tab }) => {
    const page = await tab();
    backend.stop();
    const isPlain = (value) => Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]';
    const reactive = (value) => (isPlain(value) ? new Proxy(value, { get: (target, name) => reactive(target[name]) }) : value);
    const date = new Date(0);
    const data = reactive({ inner: { list: [{ a: 1 }], date }, call: () => {} });
    const { record } = await page.collection('clients').add({ full_name: 'A', data, onClick: () => {} });
    const plain = { inner: { list: [{ a: 1 }], date: date.toISOString() } };
    assert.deepEqual([record.data, 'onClick' in record], [plain, false]);
    assert.equal(page.status.storage, 'durable');
    page.crash();
    const next = await browser.tab(backend);
    assert.deepEqual((await next.collection('clients').load()).rows[0].data, plain);
    backend.start();
    await idle(next);
    assert.deepEqual(backend.rows('clients')[0].data, plain);
  });

  clientTest('what JSON cannot say is refused at once, by the name of its field, and nothing of the call is kept', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    await clients.add({ id: 'a', full_name: 'A' });
    const { key } = await clients.add({ phone: '1' });
    const circle = {};
    circle.again = circle;
    backend.stop();
    for (const wrong of [{ deep: [1n] }, circle]) {
      for (const call of [
        () => clients.add({ full_name: 'B', data: wrong }),
        () => clients.update('a', { data: wrong }),
        () => clients.saveAll([{ full_name: 'C' }, { full_name: 'D', data: wrong }]),
        () => page.sync.retry(key, { data: wrong }),
      ]) {
        await assert.rejects(call, (error) => error instanceof TypeError && /^data: /.test(error.message));
      }
    }
    assert.equal(page.status.unsent, 0);
    assert.equal(page.status.attention, 1);
    backend.start();
    await page.until('online', ({ connection }) => connection === 'online');
    assert.equal((await clients.add({ full_name: 'E' })).stored, 'backend');
    assert.equal(page.status.connection, 'online');
  });

  clientTest('the outbox is bounded and says so instead of forgetting', async ({ backend, tab }) => {
    const page = await tab({ limits: { maxUnsent: 2 } });
    backend.stop();
    const clients = page.collection('clients');
    await clients.add({ full_name: 'A' });
    await clients.add({ full_name: 'B' });
    await assert.rejects(clients.add({ full_name: 'C' }), OutboxFullError);
    assert.equal(page.status.unsent, 2);
  });

  clientTest('adapters have the names that existing pages call, and do what they say', async ({ backend, tab }) => {
    const page = await tab();
    const made = adapters(page.sync);
    assert.equal(Object.keys(made).length, 8 * 7);
    const { record } = await made.addClientAdapter({ fullName: 'A' });
    await made.updateClientAdapter(record.id, { phone: '1' });
    assert.deepEqual(await made.loadClientsAdapter(), backend.rows('clients'));
    assert.equal((await made.getClientAdapter(record.id)).phone, '1');
    const all = await made.saveAllClientsAdapter([{ ...record, phone: '1', city: 'x', version: undefined }]);
    assert.equal(all.count, 1);
    assert.equal((await made.saveFinanceCashRequestAdapter({ branch: 'north', amount: 1 })).stored, 'backend');
    await made.removeClientAdapter(record.id);
    assert.deepEqual(await made.loadClientsAdapter(), []);
  });
}

function conflictTests() {
  // A record that this page holds, changed by somebody else while the page is away.
  async function apart({ backend, tab }, mine, theirs, second) {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'c', { full_name: 'Base', phone: '1', city: 'x' });
    await clients.load();
    backend.stop();
    await clients.update('c', mine);
    if (second) await clients.update('c', second);
    backend.change('clients', 'c', theirs);
    backend.start();
    return { page, clients };
  }

  clientTest('different fields: both changes stand, nobody is asked', async (given) => {
    const { page } = await apart(given, { phone: '2' }, { city: 'y' });
    await idle(page);
    assert.equal(page.status.attention, 0);
    const [row] = given.backend.rows('clients');
    assert.deepEqual([row.phone, row.city, row.version], ['2', 'y', 3]);
  });

  clientTest('the same field: a person sees mine, theirs and base, and decides', async (given) => {
    const { page, clients } = await apart(given, { phone: '2', city: 'mine' }, { phone: '3' });
    await page.until('attention', ({ attention }) => attention === 1);
    const [item] = page.sync.attention.value;
    assert.deepEqual(item.fields.find(({ conflict }) => conflict), { path: ['phone'], base: '1', mine: '2', theirs: '3', conflict: true });
    assert.equal(item.theirs.phone, '3');
    assert.equal((await clients.load()).rows[0].phone, '3', 'the table shows what stands');
    assert.equal((await page.sync.resolve(item.key, 'mine')).stored, 'backend');
    const [row] = given.backend.rows('clients');
    assert.deepEqual([row.phone, row.city], ['2', 'mine']);
    assert.equal(page.status.attention, 0);
  });

  clientTest('the same field: theirs may stay, or a third value be taken', async (given) => {
    const { page } = await apart(given, { phone: '2' }, { phone: '3' });
    await page.until('attention', ({ attention }) => attention === 1);
    await page.sync.resolve(page.sync.attention.value[0].key, { phone: '2 or 3' });
    assert.equal(given.backend.rows('clients')[0].phone, '2 or 3');
  });

  clientTest('deleted meanwhile: mine brings the record back with all that it had', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'c', { full_name: 'Base', phone: '1' });
    await clients.load();
    backend.stop();
    await clients.update('c', { phone: '2' });
    backend.remove('clients', 'c');
    backend.start();
    await page.until('attention', ({ attention }) => attention === 1);
    assert.equal(page.sync.attention.value[0].theirs, null);
    await page.sync.resolve(page.sync.attention.value[0].key, 'mine');
    const [row] = backend.rows('clients');
    assert.deepEqual([row.full_name, row.phone], ['Base', '2']);
  });

  clientTest('a record saved with the version it was read with never overwrites what others changed', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'c', { full_name: 'Base', phone: '1', city: 'x' });
    const read = structuredClone((await clients.load()).rows[0]);
    backend.change('clients', 'c', { phone: 'theirs' });
    await soon('the change', () => page.core.cache.row('clients', 'c').phone === 'theirs');
    const saved = await clients.save({ ...read, city: 'mine' });
    assert.equal(saved.stored, 'backend', 'the base comes from the record’s history');
    assert.deepEqual([saved.record.phone, saved.record.city], ['theirs', 'mine']);
  });

  clientTest('without a base every difference is a conflict, and nothing is lost', async ({ backend, tab }) => {
    const page = await tab();
    backend.change('clients', 'c', { full_name: 'Base', phone: '1' });
    backend.change('clients', 'c', { phone: 'theirs' });
    backend.next(/version=1/, () => new Response('{"code":"bad_request"}', { status: 400, headers: { 'Content-Type': 'application/problem+json' } }));
    const { stored, problem } = await page.collection('clients').save({ id: 'c', version: 1, full_name: 'Base', phone: 'mine' });
    assert.equal(stored, 'attention');
    assert.equal(problem.code, 'stale_version');
  });

  clientTest('my own changes in a row are no conflict, whoever reads in between', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    const { record } = await clients.add({ full_name: 'A' });
    await Promise.all([clients.update(record.id, { phone: '1' }), clients.update(record.id, { phone: '2' }), clients.update(record.id, { phone: '3' })]);
    await idle(page);
    assert.equal(page.status.attention, 0);
    assert.equal(backend.rows('clients')[0].phone, '3');
  });

  clientTest('somebody between my first and my second change of a field is seen', async (given) => {
    const { page } = await apart(given, { city: 'mine' }, { phone: 'theirs' }, { phone: 'mine' });
    await page.until('attention', ({ attention }) => attention === 1);
    assert.deepEqual(page.sync.attention.value[0].fields.filter(({ conflict }) => conflict).map(({ path }) => path), [['phone']]);
    assert.equal(given.backend.rows('clients')[0].city, 'mine');
  });

  // A record with an object that the page has read at version 1, and others have changed since; the page saves it as it was read.
  const object = { full_name: 'Base', data: { a: 1, b: 2, deep: { x: 1, y: 1 } } };
  async function wholeSave({ backend, tab }, mine, theirs, save = (clients, row) => clients.save(row)) {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'c', object);
    const [row] = (await clients.load()).rows;
    backend.stop();
    await save(clients, { ...row, data: mine });
    const shown = clients.known('c').data;
    backend.change('clients', 'c', { data: theirs });
    backend.start();
    return { page, shown, stands: () => backend.rows('clients')[0].data };
  }

  for (const [how, save] of [['alone', undefined], ['in a list', (clients, row) => clients.saveAll([row, { id: 'd', full_name: 'D' }])]]) {
    clientTest(`a whole record saved ${how} on top of others' change of the same object: names that only one side changed stand`, async (given) => {
      const { page, stands } = await wholeSave(given, { a: 1, b: 9, deep: { x: 1, y: 2 } }, { c: 3, deep: { z: 1 } }, save);
      await idle(page);
      assert.equal(page.status.attention, 0);
      assert.deepEqual(stands(), { a: 1, b: 9, deep: { x: 1, y: 2, z: 1 }, c: 3 });
    });
  }

  clientTest('a name that was taken out of an object is taken out of what others saved, and shown so at once', async (given) => {
    const { page, shown, stands } = await wholeSave(given, { b: 2, deep: { x: 1 } }, { c: 3 });
    assert.deepEqual(shown, { b: 2, deep: { x: 1 } });
    await idle(page);
    assert.equal(page.status.attention, 0);
    assert.deepEqual(stands(), { b: 2, deep: { x: 1 }, c: 3 });
  });

  clientTest('a name that was taken out here and changed there is a conflict', async (given) => {
    const { page, stands } = await wholeSave(given, { b: 2, deep: { x: 1, y: 1 } }, { a: 5, c: 3 });
    await page.until('attention', ({ attention }) => attention === 1);
    const [item] = page.sync.attention.value;
    assert.deepEqual(item.fields, [{ path: ['data', 'a'], base: 1, mine: null, theirs: 5, conflict: true }]);
    assert.equal((await page.sync.resolve(item.key, 'mine')).stored, 'backend');
    assert.deepEqual(stands(), { b: 2, deep: { x: 1, y: 1 }, c: 3 });
  });

  for (const [choice, decide, b] of [
    ['mine', (sync, { key }) => sync.resolve(key, 'mine'), 9],
    ['single places', (sync, { key }) => sync.resolve(key, { data: { b: 7 } }), 7],
    ['corrections', (sync, { key }) => sync.retry(key, { phone: '1' }), 9],
  ]) {
    clientTest(`deciding on a whole record (${choice}) leaves alone what others changed in its object`, async (given) => {
      const { page, stands } = await wholeSave(given, { a: 1, b: 9, deep: { x: 1, y: 1 } }, { b: 5, c: 3 });
      await page.until('attention', ({ attention }) => attention === 1);
      assert.equal((await decide(page.sync, page.sync.attention.value[0])).stored, 'backend');
      assert.deepEqual(stands(), { a: 1, b, deep: { x: 1, y: 1 }, c: 3 });
      assert.equal(page.status.attention, 0);
    });
  }

  clientTest('a change of one name in an object of a record that was deleted brings all of the object back', async ({ backend, tab }) => {
    const page = await tab();
    backend.change('clients', 'c', object);
    await page.collection('clients').load();
    backend.stop();
    await page.collection('clients').update('c', { data: { a: 9, b: null } });
    backend.remove('clients', 'c');
    backend.start();
    await page.until('attention', ({ attention }) => attention === 1);
    await page.sync.resolve(page.sync.attention.value[0].key, 'mine');
    assert.deepEqual(backend.rows('clients')[0].data, { a: 9, deep: { x: 1, y: 1 } });
  });

  clientTest('a save without a version shows its object as the backend will have it', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'c', object);
    await clients.load();
    backend.stop();
    await clients.save({ id: 'c', data: { b: 3 } });
    assert.deepEqual(clients.known('c').data, { b: 3 });
    backend.start();
    await idle(page);
    assert.deepEqual(backend.rows('clients')[0].data, { b: 3 });
  });

  clientTest('a list saved from rows that are older than the cache is merged with what others changed since', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    for (const id of ['c', 'd']) backend.change('clients', id, { full_name: id, phone: '1', data: { a: 1 } });
    const { rows } = await clients.load();
    const list = structuredClone(rows);
    for (const id of ['c', 'd']) backend.change('clients', id, { phone: 'theirs', data: { b: 2 } });
    await soon('the cache is newer', () => ['c', 'd'].every((id) => page.core.cache.row('clients', id).version === 2));
    const saved = await clients.saveAll(list.map((row) => ({ ...row, city: 'mine' })));
    await idle(page);
    assert.deepEqual(backend.rows('clients').map(({ phone, city, data }) => [phone, city, data]), Array(2).fill(['theirs', 'mine', { a: 1, b: 2 }]));
    assert.deepEqual([saved.stored, saved.unsent], ['backend', 0]);
    assert.equal(page.status.attention, 0);
  });
}

function loadingTests() {
  clientTest('a load says where its rows come from and as of when', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'a', { full_name: 'A', branch: 'north' });
    const before = Date.now();
    const first = await clients.load({ branch: 'north' });
    assert.equal(first.source, 'backend');
    assert.ok(first.asOf.getTime() >= before);
    backend.stop();
    assert.deepEqual(await clients.load({ branch: 'north' }), { ...first, source: 'cache' });
    assert.deepEqual(await clients.load({ branch: 'south' }), { rows: [], source: 'cache', asOf: null });
  });

  clientTest('a wrong query is an error with the backend’s reason, not an empty list', async ({ tab }) => {
    const page = await tab();
    await assert.rejects(page.collection('clients').load({ nonsense: '1' }), RefusedError);
    await assert.rejects(page.collection('nope').load(), (error) => error.problem.code === 'not_found');
  });

  clientTest('a list cleans the cache of what was deleted or moved while nobody looked', async ({ backend, browser, tab }) => {
    const page = await tab();
    for (const id of ['a', 'b', 'c']) backend.change('clients', id, { full_name: id, branch: 'north' });
    await page.collection('clients').load();
    page.crash();
    backend.remove('clients', 'a');
    backend.change('clients', 'b', { branch: 'south' });
    const next = await browser.tab(backend);
    const { rows } = await next.collection('clients').load({ branch: 'north' });
    assert.deepEqual(rows.map(({ id }) => id), ['c']);
    await soon('caught up', () => next.core.cache.row('clients', 'b')?.branch === 'south');
    backend.stop();
    assert.deepEqual((await next.collection('clients').load()).rows.map(({ id }) => id).sort(), ['b', 'c']);
  });

  clientTest('an entity that nobody followed for long is begun anew, and its old rows are not shown', async ({ backend, browser, tab }) => {
    const page = await tab();
    backend.change('clients', 'old', { full_name: 'Old', branch: 'south' });
    await page.collection('clients').load();
    page.crash();
    backend.remove('clients', 'old');
    for (let n = 0; n < 20; ++n) backend.change('clients', 'busy', { full_name: `Busy ${n}`, branch: 'north' });
    const next = await browser.tab(backend, { limits: { maxCatchUpEvents: 10 } });
    await next.collection('clients').load({ branch: 'north' });
    backend.stop();
    assert.deepEqual((await next.collection('clients').load()).rows.map(({ id }) => id), ['busy']);
  });

  clientTest('a list that was asked before a change and answered after it does not bring the old row back', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'a', { full_name: 'A' });
    await clients.load();
    let answer;
    const waits = new Promise((resolve) => (answer = resolve));
    const stale = JSON.stringify(backend.rows('clients'));
    const headers = { 'Content-Type': 'application/json', 'Sync-Position': backend.head };
    backend.next(/^GET \/api\/clients/, async () => (await waits, new Response(stale, { headers })));
    const loading = clients.load();
    backend.remove('clients', 'a');
    await soon('the removal', () => page.core.cache.row('clients', 'a') === null);
    answer();
    assert.deepEqual((await loading).rows, []);
  });

  clientTest('one record: from the backend, from the cache, or nobody can tell', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'a', { full_name: 'A' });
    assert.equal((await clients.get('a')).record.full_name, 'A');
    assert.deepEqual(await clients.get('b'), { record: null, source: 'backend' });
    backend.stop();
    assert.equal((await clients.get('a')).source, 'cache');
    await assert.rejects(clients.get('c'), UnreachableError);
    await assert.rejects(clients.history('a'), UnreachableError);
    backend.start();
    assert.deepEqual((await clients.history('a')).map(({ version, action }) => [version, action]), [[1, 'created']]);
  });

  clientTest('two users on one browser do not see each other’s changes', async ({ backend, tab }) => {
    const eva = await tab({ user: 'eva' });
    const ben = await tab({ user: 'ben' });
    backend.stop();
    await eva.collection('clients').add({ full_name: 'Eva’s' });
    assert.equal(eva.status.unsent, 1);
    assert.equal(ben.status.unsent, 0);
    assert.deepEqual((await ben.collection('clients').load()).rows, []);
  });
}

function liveTests() {
  // The rows of a live query, and all that it was called with.
  function watch(page, query = {}, entity = 'clients') {
    const seen = { rows: [], calls: [] };
    seen.stop = page.collection(entity).live(query, (rows, change) => {
      seen.rows = rows;
      seen.calls.push({ rows, change });
    });
    seen.names = () => seen.rows.map(({ full_name }) => full_name);
    return seen;
  }

  clientTest('a change by anybody is in the rows without asking', async ({ backend, tab }) => {
    const page = await tab();
    backend.change('clients', 'a', { full_name: 'A', branch: 'north' });
    const seen = watch(page, { branch: 'north' });
    await soon('loaded', () => seen.names().join() === 'A');
    await following(backend, page);
    backend.change('clients', 'b', { full_name: 'B', branch: 'north' });
    backend.change('clients', 'c', { full_name: 'C', branch: 'south' });
    await soon('created', () => seen.names().join() === 'B,A');
    backend.change('clients', 'a', { branch: 'south' });
    await soon('moved away', () => seen.names().join() === 'B');
    backend.remove('clients', 'b');
    await soon('removed', () => seen.rows.length === 0);
    const count = seen.calls.length;
    seen.stop();
    backend.change('clients', 'd', { full_name: 'D', branch: 'north' });
    await soon('the cache has it', () => page.core.cache.row('clients', 'd'));
    assert.equal(seen.calls.length, count);
  });

  clientTest('a change made here shows at once, once, and never flickers', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    const seen = watch(page);
    await following(backend, page);
    const { record } = await clients.add({ full_name: 'A' });
    await clients.update(record.id, { phone: '1' });
    backend.next(/^PATCH/, async () => void (await new Promise((resolve) => setTimeout(resolve, 30))));
    const updating = clients.update(record.id, { phone: '2' });
    await soon('shown', () => seen.rows[0]?.phone === '2');
    await updating;
    backend.change('clients', 'other', { full_name: 'B' });
    await soon('the stream is past it', () => seen.rows.length === 2);
    const phones = seen.calls.map(({ rows }) => rows.find(({ id }) => id === record.id)?.phone ?? (rows.length > 0 ? '0' : ''));
    assert.deepEqual([...phones].sort(), phones, 'never an older value after a newer one');
    for (const { rows } of seen.calls) assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
  });

  clientTest('cached rows are shown at once and replaced when the backend answers', async ({ backend, browser, tab }) => {
    const page = await tab();
    backend.change('clients', 'a', { full_name: 'A' });
    await page.collection('clients').load();
    page.crash();
    backend.change('clients', 'b', { full_name: 'B' });
    const next = await browser.tab(backend);
    const seen = watch(next);
    await soon('both', () => seen.rows.length === 2);
    assert.deepEqual(seen.calls[0].change.source, 'cache');
    assert.equal(seen.calls[0].rows.length, 1);
  });

  clientTest('away while others change: the stream resumes where it was and misses nothing', async ({ backend, tab }) => {
    const page = await tab();
    const seen = watch(page);
    await following(backend, page);
    const loads = () => backend.requests.filter(({ method, path }) => method === 'GET' && path === '/api/clients').length;
    const before = loads();
    for (let round = 0; round < 3; ++round) {
      backend.stop();
      await page.until('offline', ({ connection }) => connection === 'offline');
      for (let n = 0; n < 5; ++n) backend.change('clients', `${round}-${n}`, { full_name: 'A' });
      backend.start();
      await following(backend, page);
      assert.equal(seen.rows.length, (round + 1) * 5);
    }
    assert.equal(loads(), before, 'without loading the list again');
  });

  clientTest('a frame that proves a gap is not applied: the stream goes back and asks again', async ({ backend, tab }) => {
    const page = await tab();
    const seen = watch(page);
    await following(backend, page);
    const opened = backend.streamsOpened;
    for (const stream of backend.openStreams) stream.skip();
    backend.log.push({ ...backend.log[0], position: 1, cursor: backend.cursorAt(1), previous: 0, resource: 'clients', action: 'created', id: 'skipped', version: 1, data: { id: 'skipped', position: 1, version: 1, full_name: 'S' } });
    for (const stream of backend.openStreams) stream.send(`id: 2-x\ndata: ${JSON.stringify({ position: 2, cursor: backend.cursorAt(2), previous: 1, resource: 'clients', action: 'created', id: 'b', data: { id: 'b', position: 2 } })}\n\n`);
    backend.change('clients', 'b', { full_name: 'B' });
    await soon('both', () => seen.rows.length === 2);
    assert.ok(backend.streamsOpened > opened);
  });

  clientTest('another history: the cache is dropped, lists are loaded anew, what is unsent is kept', async ({ backend, tab }) => {
    const page = await tab();
    backend.change('clients', 'a', { full_name: 'A' });
    backend.change('clients', 'b', { full_name: 'B' });
    const seen = watch(page);
    await soon('loaded', () => seen.rows.length === 2);
    await following(backend, page);
    backend.stop();
    await page.collection('clients').add({ id: 'mine', full_name: 'Mine' });
    backend.restoreEmpty();
    backend.change('clients', 'b', { full_name: 'B as it was' });
    backend.start();
    await soon('the new history', () => seen.names().sort().join() === 'B as it was,Mine');
    await idle(page);
    await soon('both', () => seen.rows.length === 2);
    assert.deepEqual(backend.rows('clients').map(({ id }) => id), ['b', 'mine']);
    backend.change('clients', 'c', { full_name: 'C' });
    await soon('live again', () => seen.rows.length === 3);
  });

  clientTest('a stream that is refused again and again is asked for more and more seldom', async ({ backend, tab }) => {
    const page = await tab({ limits: { retryBaseMs: 40, retryCapMs: 400 } });
    let refusals = 0;
    const refuse = () => {
      ++refusals;
      backend.next(/api\/events/, refuse);
      return new Response('{"code":"bad_request"}', { status: 400, headers: { 'Content-Type': 'application/problem+json' } });
    };
    backend.next(/api\/events/, refuse);
    const seen = watch(page);
    await soon('some refusals', () => refusals >= 4);
    const loads = backend.requests.filter(({ path }) => path === '/api/clients').length;
    assert.ok(loads <= refusals + 1, `${loads} loads`);
    backend.forget();
    await soon('it works', () => backend.openStreams.size > 0);
    backend.change('clients', 'a', { full_name: 'A' });
    await soon('live', () => seen.rows.length === 1);
  });

  clientTest('a silent connection is given up and opened again', async ({ backend, tab }) => {
    const page = await tab({ limits: { silenceMs: 60 } });
    const seen = watch(page);
    await following(backend, page);
    await soon('another stream', () => backend.streamsOpened > 2);
    backend.change('clients', 'a', { full_name: 'A' });
    await soon('it works', () => seen.rows.length === 1);
  });

  clientTest('a server that says bye is left alone as long as it asks', async ({ backend, tab }) => {
    const page = await tab();
    watch(page);
    await following(backend, page);
    const opened = backend.streamsOpened;
    const began = performance.now();
    for (const stream of backend.openStreams) stream.named('bye', { reason: 'restart', retry_ms: 400 });
    await soon('back', () => backend.streamsOpened > opened);
    assert.ok(performance.now() - began > 190);
  });

  clientTest('a query that is cut at a limit stays full when rows leave it', async ({ backend, tab }) => {
    const page = await tab();
    for (const id of ['a', 'b', 'c', 'd']) backend.change('clients', id, { full_name: id });
    const seen = watch(page, { limit: 2 });
    await soon('loaded', () => seen.names().join() === 'd,c');
    await following(backend, page);
    backend.remove('clients', 'd');
    await soon('filled up', () => seen.names().join() === 'c,b');
  });

  clientTest('begun while the backend is away: it shows what is known and loads when it can', async ({ backend, tab }) => {
    backend.stop();
    const page = await tab();
    const seen = watch(page);
    await page.until('offline', ({ connection }) => connection === 'offline');
    backend.change('clients', 'a', { full_name: 'A' });
    backend.start();
    await soon('loaded', () => seen.rows.length === 1);
    backend.change('clients', 'b', { full_name: 'B' });
    await soon('live', () => seen.rows.length === 2);
  });

  clientTest('a page that keeps its own rows hears of every record, also of those it has not loaded, and when all of it is void', async ({ backend, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    backend.change('clients', 'a', { full_name: 'A' });
    await clients.load({ limit: 1 });
    const heard = [];
    const reloads = [];
    const stop = clients.watch({ onChange: (ids, source) => heard.push([...ids, source]), onReload: (why) => reloads.push(why) });
    await following(backend, page);
    backend.change('clients', 'z', { full_name: 'Z' });
    await soon('heard', () => heard.some(([id, source]) => id === 'z' && source === 'backend'));
    assert.equal(clients.known('z').full_name, 'Z');
    void clients.update('z', { phone: '1' });
    await soon('own change', () => heard.some(([id, source]) => id === 'z' && source === 'local'));
    await idle(page);
    backend.remove('clients', 'a');
    await soon('gone', () => clients.known('a') === null);
    backend.restoreEmpty();
    await soon('void', () => reloads.includes('void'));
    stop();
    const before = heard.length;
    await clients.add({ id: 'later', full_name: 'L' });
    assert.equal(heard.length, before);
  });

  clientTest('a wrong live query tells its caller', async ({ tab }) => {
    const page = await tab();
    const error = await new Promise((resolve) => page.collection('clients').live({ nonsense: 1 }, () => {}, resolve));
    assert.ok(error instanceof RefusedError);
  });
}

function signInTests() {
  clientTest('401 holds everything; after signing in it is sent, in order and once', async ({ backend, tab }) => {
    let token = 'old';
    backend.token = 'old';
    const page = await tab({ token: () => token });
    const clients = page.collection('clients');
    await clients.add({ id: 'a', full_name: 'A' });
    backend.token = 'new';
    backend.dropStreams();
    const { stored, warning } = await clients.update('a', { phone: '1' });
    assert.equal(stored, 'outbox');
    assert.match(warning, /Signed out/);
    await clients.update('a', { phone: '2' });
    await clients.add({ id: 'b', full_name: 'B' });
    assert.equal(page.status.signedOut, true);
    assert.equal(backend.unauthorizedWrites, 1, 'what comes behind it is not even tried');
    assert.equal(page.status.unsent, 3);
    assert.equal(page.status.attention, 0);
    await assert.rejects(clients.load(), (error) => error.problem.status === 401);
    token = 'new';
    page.sync.resume();
    await page.until('sent', ({ unsent, signedOut }) => unsent === 0 && !signedOut);
    assert.equal(backend.rows('clients')[0].phone, '2');
    assert.equal(backend.log.length, 4);
  });

  const options = (backend, more) => ({ url: 'http://backend.test', platform: { fetch: backend.fetch, locks: undefined, BroadcastChannel: undefined }, ...more });
  const noToken = { none: () => null, 'one that fails': () => Promise.reject(new Error('no network')), 'one that throws': () => { throw new Error('no network'); } };
  for (const [what, token] of Object.entries(noToken)) {
    clientTest(`a token without a user, and ${what}: refused, so that nothing is kept where nobody finds it again`, async ({ backend }) => {
      await assert.rejects(connect(options(backend, { token })), /`user`/);
      const sync = await connect(options(backend, { token, user: `eva ${what}` }));
      backend.stop();
      await sync.collection('clients').add({ full_name: 'A' });
      await sync.close();
      const again = await connect(options(backend, { token: () => 'secret', user: `eva ${what}` }));
      assert.equal(again.unsent.value.length, 1);
      await again.close();
    });
  }

  clientTest('whoever the server says it is has an outbox of their own, also where nobody says `user`', async ({ backend }) => {
    const eva = await connect(options(backend, { actor: 'eva' }));
    backend.stop();
    await eva.collection('clients').add({ full_name: 'Eva’s' });
    await eva.close();
    const ben = await connect(options(backend, { actor: 'ben' }));
    assert.equal(ben.unsent.value.length, 0);
    await ben.close();
    const again = await connect(options(backend, { actor: 'eva' }));
    assert.equal(again.unsent.value.length, 1);
    await again.close();
  });

  clientTest('a token that never comes is waited for as long as an answer: other changes and tries go on', async ({ backend, tab }) => {
    let hangs = true;
    const token = () => (hangs ? new Promise(() => {}) : 'secret');
    const limits = { requestMs: 60, requestWhileOfflineMs: 60, lanesAtOnce: 2 };
    const alive = setInterval(() => {}, 1_000); // Node.js ends when only a signal's time is waited for
    await assert.rejects(connect(options(backend, { token, limits })), /`user`/).finally(() => clearInterval(alive));
    const page = await tab({ token, limits });
    const clients = page.collection('clients');
    const saved = await Promise.all([1, 2, 3].map((n) => clients.add({ id: `c${n}`, full_name: `C${n}` })));
    assert.deepEqual(saved.map(({ stored }) => stored), Array(3).fill('outbox'));
    await assert.rejects(page.sync.fetch('/version'));
    hangs = false;
    await page.until('sent', ({ unsent }) => unsent === 0);
    assert.equal(backend.rows('clients').length, 3);
  });

  clientTest('signing out while the token fails is no error that nobody catches', async ({ tab }) => {
    const page = await tab({ token: () => { throw new Error('no token'); } });
    const uncaught = [];
    const note = (error) => uncaught.push(error);
    process.on('unhandledRejection', note);
    await page.sync.signedOut();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    assert.deepEqual(uncaught, []);
    assert.equal(page.status.signedOut, true);
  });

  clientTest('writes say whose they are: a server that has admitted somebody else gets none of them', async ({ backend, tab }) => {
    backend.actor = 'Éva';
    const page = await tab({ actor: 'Éva', user: 'eva' });
    assert.equal((await page.collection('clients').add({ full_name: 'A' })).stored, 'backend');
    backend.actor = 'bob'; // signed in meanwhile in another tab, by a cookie that both have
    assert.equal((await page.collection('clients').add({ full_name: 'B' })).stored, 'outbox');
    assert.equal(page.status.signedOut, true);
    const own = await page.sync.fetch('/api/clients', { method: 'POST', body: '{}' });
    assert.equal(own.status, 401, 'the page’s own writes too');
    assert.equal(backend.log.length, 1);
    assert.equal((await page.sync.fetch('/api/clients')).status, 200);
    backend.actor = 'Éva';
    page.sync.resume();
    await page.until('sent', ({ unsent }) => unsent === 0);
    assert.equal(backend.log.length, 2);
  });

  clientTest('after a 401 nothing of the cache is shown but what waits, and signed in again all of it', async ({ backend, tab }) => {
    let token = 'old';
    backend.token = 'old';
    const page = await tab({ token: () => token });
    const clients = page.collection('clients');
    const seen = { rows: [] };
    clients.live({}, (rows) => (seen.rows = rows), () => {});
    for (const id of ['a', 'b']) await clients.add({ id, full_name: id });
    await soon('both', () => seen.rows.length === 2);
    backend.token = 'new';
    await clients.update('a', { phone: '1' });
    assert.deepEqual(seen.rows.map(({ id, phone }) => [id, phone]), [['a', '1']]);
    assert.equal(clients.known('b'), null);
    backend.stop();
    assert.deepEqual((await clients.load()).rows.map(({ id }) => id), ['a']);
    await assert.rejects(clients.get('b'), UnreachableError);
    backend.start();
    token = 'new';
    page.sync.resume();
    await soon('all again', () => seen.rows.length === 2);
    await page.until('sent', ({ unsent }) => unsent === 0);
  });

  clientTest('signing out clears what is kept of the records, in all tabs, and leaves what is unsent', async ({ backend, tab }) => {
    const [first, second] = [await tab(), await tab()];
    await first.collection('clients').add({ id: 'a', full_name: 'A' });
    await second.collection('clients').load();
    backend.stop();
    await first.collection('clients').add({ id: 'b', full_name: 'B' });
    await first.sync.signedOut();
    await second.until('there too', ({ signedOut }) => signedOut);
    for (const { core } of [first, second]) {
      await soon('nothing in memory', () => core.cache.rows('clients').size === 0);
      await soon('nor in the storage', async () => (await core.database.run((handle) => handle.getAll('records'))).length === 0);
    }
    await first.close();
    await second.close();
    const again = await tab({ hold: true });
    assert.deepEqual((await again.collection('clients').load()).rows.map(({ id }) => id), ['b'], 'only what is unsent');
    backend.start();
    again.sync.resume();
    await again.until('sent', ({ unsent }) => unsent === 0);
    await soon('all again', async () => (await again.collection('clients').load()).rows.length === 2);
  });

  clientTest('what waits is held until it is certain who is signed in', async ({ backend, tab }) => {
    backend.stop();
    const first = await tab();
    await first.collection('clients').add({ full_name: 'A' });
    await first.close();
    backend.start();
    const page = await tab({ hold: true });
    await page.until('online', ({ connection, unsent }) => connection === 'online' && unsent === 1);
    page.sync.sendNow();
    const { stored, warning } = await page.collection('clients').add({ full_name: 'B' });
    assert.deepEqual([stored, /Signed out/.test(warning), page.status.signedOut], ['outbox', false, false]);
    assert.equal(backend.log.length, 0);
    page.sync.resume();
    await page.until('sent', ({ unsent }) => unsent === 0);
    assert.equal(backend.log.length, 2);
  });

  clientTest('a new token is noticed without being told', async ({ backend, tab }) => {
    let token = 'old';
    backend.token = 'new';
    const page = await tab({ token: () => token });
    await page.collection('clients').add({ full_name: 'A' });
    assert.equal(page.status.signedOut, true);
    token = 'new';
    await page.until('sent', ({ unsent }) => unsent === 0);
  });
}
