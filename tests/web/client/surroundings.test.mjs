// Several tabs of one browser, and a browser whose storage or clock is not as it should be. One after the other: they change
// what all tests of a process share.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { clientTest, following, idle, soon } from './behaviour.mjs';

const names = (rows) => rows.map(({ full_name }) => full_name).sort().join();

// The rows of a live query in a tab.
function watch(tab) {
  const seen = { rows: [] };
  tab.collection('clients').live({}, (rows) => (seen.rows = rows));
  return seen;
}

describe('tabs', () => {
  clientTest('eight tabs have one stream, and a change in any of them is in all', async ({ backend, tab }) => {
    const tabs = [];
    for (let n = 0; n < 8; ++n) tabs.push(await tab());
    const seen = tabs.map(watch);
    for (const one of tabs) await following(backend, one);
    await tabs[7].collection('clients').add({ full_name: 'From the eighth' });
    backend.change('clients', 'x', { full_name: 'From elsewhere' });
    for (const one of seen) await soon('both', () => names(one.rows) === 'From elsewhere,From the eighth');
    assert.equal(backend.openStreams.size, 1);
    assert.equal(tabs.filter(({ core }) => core.tabs.leads).length, 1);
    assert.ok(tabs.every(({ status }) => status.stream === 'shared'));
  });

  for (const end of ['close', 'crash']) {
    clientTest(`the leading tab ends (${end}): another takes over at once and nothing is missed`, async ({ backend, tab }) => {
      const [first, second] = [await tab(), await tab()];
      watch(first);
      const seen = watch(second);
      await following(backend, second);
      await first[end]();
      backend.change('clients', 'a', { full_name: 'A' });
      await soon('taken over', () => seen.rows.length === 1 && second.core.tabs.leads);
      backend.change('clients', 'b', { full_name: 'B' });
      await soon('live', () => seen.rows.length === 2);
    });
  }

  clientTest('the leading tab is frozen: another takes its place, and it follows when it wakes', async ({ backend, tab }) => {
    const [first, second, third] = [await tab(), await tab(), await tab()];
    const seen = [first, second, third].map(watch);
    await following(backend, third);
    assert.ok(first.core.tabs.leads);
    first.freeze();
    backend.change('clients', 'a', { full_name: 'A' });
    await soon('taken over', () => second.core.tabs.leads !== third.core.tabs.leads);
    backend.change('clients', 'b', { full_name: 'B' });
    for (const one of seen.slice(1)) await soon('live', () => one.rows.length === 2);
    first.thaw();
    backend.change('clients', 'c', { full_name: 'C' });
    for (const one of seen) await soon('all of it', () => one.rows.length === 3);
    await soon('one leads', () => [first, second, third].filter(({ core }) => core.tabs.leads).length === 1);
    assert.ok(!first.core.tabs.leads);
    await soon('one stream', () => backend.openStreams.size === 1);
  });

  for (const query of [{}, { branch: 'North' }]) {
    clientTest(`what a dead tab left in the storage is not taken to be as new as another's first list (${JSON.stringify(query)})`, async ({ backend, tab }) => {
      const [first, second] = [await tab(), await tab()];
      await second.core.cache.hydrate('clients'); // nothing yet
      backend.change('clients', 'a', { full_name: 'A', branch: 'South' });
      first.core.tabs.send = () => {}; // it dies before the others hear of what it read
      await first.collection('clients').load();
      first.crash();
      backend.remove('clients', 'a');
      backend.change('clients', 'b', { full_name: 'B', branch: 'North' });
      let rows = [];
      second.collection('clients').live(query, (seen) => (rows = seen));
      await soon('loaded', () => names(rows) === 'B');
      await following(backend, second);
      await soon('caught up', () => second.core.cache.cursor('clients') === backend.head);
      await second.close();
      const next = await tab();
      await next.core.cache.hydrate('clients');
      assert.equal(names([...next.core.ids('clients')].flatMap((id) => next.core.shown('clients', id) ?? [])), 'B');
    });
  }

  clientTest('a save in a tab that does not lead is answered there, not left to the leading one', async ({ backend, tab }) => {
    const [, second] = [await tab(), await tab()];
    const clients = second.collection('clients');
    for (let n = 0; n < 30; ++n) {
      const { stored, record } = await clients.add({ full_name: `C${n}` });
      assert.equal(stored, 'backend', `save ${n}`);
      assert.equal(record.version, 1);
    }
    assert.deepEqual([...new Set(backend.applied.values())], [1]);
    assert.equal(backend.requests.filter(({ method }) => method === 'POST').length, 30);
  });

  clientTest('what a tab left unsent is sent by the leading tab', async ({ backend, tab }) => {
    const [first, second] = [await tab(), await tab()];
    backend.stop();
    await second.collection('clients').add({ full_name: 'A' });
    await first.until('known', ({ unsent }) => unsent === 1);
    second.crash();
    backend.start();
    await idle(first);
    assert.equal(names(backend.rows('clients')), 'A');
    assert.deepEqual([...backend.applied.values()], [1]);
  });

  clientTest('a tab that dies while it sends: another sends the same, once its time is over', async ({ backend, tab }) => {
    const limits = { limits: { leaseMs: 400, firstTryMs: 200 } };
    const [first, second] = [await tab(limits), await tab(limits)];
    backend.next(/^POST/, ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)));
    void second.collection('clients').add({ full_name: 'A' });
    await first.until('known', ({ unsent }) => unsent === 1);
    second.crash();
    await idle(first);
    assert.deepEqual([...backend.applied.values()], [1]);
  });

  clientTest('without Web Locks each tab has its own stream, says so, and nothing is sent twice', async ({ backend, tab }) => {
    const [first, second] = [await tab({ sharing: false }), await tab({ sharing: false })];
    const seen = [first, second].map(watch);
    await soon('two streams', () => backend.openStreams.size === 2);
    assert.equal(first.status.stream, 'own');
    assert.match(first.status.warnings.join(), /own connection/);
    backend.stop();
    for (const one of [first, second]) await one.collection('clients').add({ full_name: 'A' });
    backend.start();
    for (const one of [first, second]) await idle(one);
    assert.equal(backend.log.length, 2);
    assert.deepEqual([...backend.applied.values()], [1, 1]);
    for (const one of seen) await soon('both', () => one.rows.length === 2);
  });

  clientTest('what the stream is told of the sign-in, all tabs hear', async ({ backend, tab }) => {
    let token = 'old';
    backend.token = 'old';
    const options = { token: () => token, user: 'eva' };
    const tabs = [await tab(options), await tab(options), await tab(options)];
    for (const one of tabs) one.collection('clients').live({}, () => {}, () => {});
    await following(backend, tabs[0]);
    backend.token = 'new';
    for (const stream of [...backend.openStreams]) stream.fail();
    for (const one of tabs) await one.until('signed out', ({ signedOut }) => signedOut);
    token = 'new';
    for (const one of tabs) await one.until('admitted', ({ signedOut, connection }) => !signedOut && connection === 'online');
  });

  clientTest('signing in in one tab goes on in all', async ({ backend, tab }) => {
    let token = 'old';
    const options = { token: () => token, user: 'eva' };
    const [first, second] = [await tab(options), await tab(options)];
    backend.token = 'new';
    await second.collection('clients').add({ full_name: 'A' });
    await first.until('held', ({ signedOut }) => signedOut);
    token = 'new';
    second.sync.resume();
    await idle(first);
    await second.until('signed in', ({ signedOut, unsent }) => !signedOut && unsent === 0);
    assert.equal(backend.log.length, 1);
  });
});

describe('storage', () => {
  clientTest('none, as in a private window: said, and what is unsent is kept while the page lives', async ({ backend, tab }) => {
    const { indexedDB } = globalThis;
    globalThis.indexedDB = { open: () => { throw new DOMException('not here', 'SecurityError'); } };
    try {
      const page = await tab();
      assert.equal(page.status.storage, 'memory');
      assert.match(page.status.warnings.join(), /private window/);
      backend.stop();
      await page.collection('clients').add({ id: 'a', full_name: 'A' });
      await page.collection('clients').update('a', { phone: '1' });
      await page.collection('clients').update('a', { phone: '2' });
      assert.equal(page.status.unsent, 3);
      assert.equal(JSON.parse(page.sync.exportUnsent()).operations.length, 3);
      backend.start();
      await idle(page);
      let cut;
      backend.next(/^PATCH/, () => new Promise((_, reject) => (cut = () => reject(new TypeError('cut')))));
      const given = page.collection('clients').update('a', { phone: '3' });
      await soon('on the wire', () => cut !== undefined);
      assert.equal(await page.sync.discardUnsent(page.sync.unsent.value[0].key), true);
      assert.equal(page.sync.unsent.value[0].isGivenUp, true);
      cut();
      assert.match((await given).warning, /[Dd]iscarded/);
      assert.deepEqual(page.sync.unsent.value, []);
      assert.deepEqual(backend.rows('clients').map(({ phone }) => phone), ['2']);
      assert.equal(backend.log.length, 3);
    } finally {
      globalThis.indexedDB = indexedDB;
    }
  });

  clientTest('full: said, the cache gives way, and what is unsent is kept and sent', async ({ backend, tab }) => {
    const page = await tab();
    backend.change('clients', 'a', { full_name: 'A' });
    await page.collection('clients').load();
    const { add, put } = IDBObjectStore.prototype;
    const full = () => { throw new DOMException('full', 'QuotaExceededError'); };
    Object.assign(IDBObjectStore.prototype, { add: full, put: full });
    try {
      backend.stop();
      assert.equal((await page.collection('clients').add({ full_name: 'B' })).stored, 'outbox');
      assert.equal(page.status.storage, 'full');
      assert.match(page.status.warnings.join(), /storage is full/);
      assert.equal(page.status.unsent, 1);
      assert.equal(names((await page.collection('clients').load()).rows), 'A,B');
      backend.start();
      await page.until('sent', ({ unsent }) => unsent === 0);
      assert.equal(names(backend.rows('clients')), 'A,B');
    } finally {
      Object.assign(IDBObjectStore.prototype, { add, put });
    }
    await page.collection('clients').add({ full_name: 'C' });
    await page.until('there is room again', ({ storage }) => storage === 'durable');
    assert.equal(backend.log.length, 3);
  });

  clientTest('one of several writes of a save fails: none is stored, it is said that they live in memory, and they are sent once', async ({ backend, browser, tab }) => {
    const page = await tab({ limits: { bulkItems: 1 } });
    const seen = [];
    page.sync.status.subscribe(({ unsent, storage, warnings }) => seen.push({ unsent, storage, warnings: warnings.join() }));
    backend.stop();
    const { add } = IDBObjectStore.prototype;
    let count = 0;
    IDBObjectStore.prototype.add = function (...given) {
      if (++count === 2) throw new DOMException('cannot be cloned', 'DataCloneError');
      return add.apply(this, given);
    };
    try {
      await page.collection('clients').saveAll([{ full_name: 'A' }, { full_name: 'B' }, { full_name: 'C' }]);
    } finally {
      IDBObjectStore.prototype.add = add;
    }
    assert.equal(page.status.unsent, 3);
    const said = seen.find(({ storage }) => storage === 'memory');
    assert.equal(said.unsent, 3);
    assert.match(said.warnings, /lost when the page is closed/);
    const stored = await page.core.database.run((handle) => handle.count('operations'));
    assert.ok(stored === 0 || stored === 3, `${stored} of three are stored`); // three when the next try was quick
    await page.until('stored by the next try', ({ storage }) => storage === 'durable');
    assert.equal(await page.core.database.run((handle) => handle.count('operations')), 3);
    page.crash();
    const next = await browser.tab(backend);
    backend.start();
    await idle(next);
    assert.deepEqual([...backend.applied.values()], [1, 1, 1]);
  });

  for (const why of ['AbortError', 'QuotaExceededError']) {
    clientTest(`one write fails (${why}): what the next page finds is the backend's all the same`, async ({ backend, tab }) => {
      backend.change('clients', 'a', { full_name: 'A' });
      backend.change('clients', 'b', { full_name: 'B' });
      const page = await tab();
      const seen = watch(page);
      await soon('loaded', () => seen.rows.length === 2);
      await following(backend, page);
      const { put } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.put = () => { throw new DOMException('not now', why); };
      try {
        backend.remove('clients', 'a');
        await soon('gone here', () => names(seen.rows) === 'B');
        await soon('not stored', () => page.core.cache.cursor('clients') === backend.head);
      } finally {
        IDBObjectStore.prototype.put = put;
      }
      backend.change('clients', 'c', { full_name: 'C' });
      await soon('live', () => names(seen.rows) === 'B,C');
      await page.close();
      const next = await tab();
      await next.core.cache.hydrate('clients');
      const rows = [...next.core.ids('clients')].flatMap((id) => next.core.shown('clients', id) ?? []);
      assert.equal(names(rows), why === 'AbortError' ? 'B,C' : 'C'); // without room only what came since
      assert.equal(next.core.cache.cursor('clients'), backend.head);
    });
  }

  clientTest('a write fails and its tab dies: the next one to lead begins where the storage ends', async ({ backend, tab }) => {
    backend.change('clients', 'a', { full_name: 'A' });
    const [first, second] = [await tab(), await tab()];
    const seen = [watch(first), watch(second)];
    for (const one of seen) await soon('loaded', () => one.rows.length === 1);
    await following(backend, second);
    await soon('stored', () => first.core.cache.cursor('clients') === backend.head);
    first.core.cache.store = () => Promise.resolve(); // as if its writes failed
    backend.remove('clients', 'a');
    for (const one of seen) await soon('gone here', () => one.rows.length === 0);
    first.crash();
    backend.change('clients', 'b', { full_name: 'B' });
    await soon('taken over', () => names(seen[1].rows) === 'B');
    await second.close();
    const next = await tab();
    await next.core.cache.hydrate('clients');
    assert.equal(names([...next.core.ids('clients')].flatMap((id) => next.core.shown('clients', id) ?? [])), 'B');
  });

  clientTest('full while unsent changes are in it: they are sent all the same, each once', async ({ backend, tab }) => {
    const page = await tab();
    backend.stop();
    await page.collection('clients').add({ id: 'a', full_name: 'A' });
    await page.collection('clients').update('a', { phone: '1' });
    const { add, put } = IDBObjectStore.prototype;
    const full = () => { throw new DOMException('full', 'QuotaExceededError'); };
    Object.assign(IDBObjectStore.prototype, { add: full, put: full });
    try {
      backend.start();
      await page.until('sent', ({ unsent }) => unsent === 0);
    } finally {
      Object.assign(IDBObjectStore.prototype, { add, put });
    }
    assert.equal(backend.log.length, 2);
    assert.equal(page.status.attention, 0);
  });

  clientTest('cleared by the user while changes wait: they are written again, and nothing is lost', async ({ backend, browser, tab }) => {
    const page = await tab();
    backend.change('clients', 'a', { full_name: 'A' });
    await page.collection('clients').load();
    backend.stop();
    await page.collection('clients').add({ full_name: 'B' });
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(browser.storage);
      request.onsuccess = resolve;
      request.onerror = reject;
    });
    await page.until('written again', ({ storage, unsent }) => storage === 'durable' && unsent === 1);
    await soon('stored', async () => (await page.core.database.run((handle) => handle.count('operations'))) === 1);
    page.crash();
    const next = await browser.tab(backend);
    assert.equal(next.status.unsent, 1);
    assert.equal(names((await next.collection('clients').load()).rows), 'A,B');
    backend.start();
    await idle(next);
    assert.equal(backend.log.length, 2);
  });

  clientTest('an old tab holds the storage in its old form: said, kept in memory, and moved when it is gone', async ({ backend, browser, tab }) => {
    const old = await new Promise((resolve) => {
      const request = indexedDB.open(browser.storage, 1);
      request.onsuccess = () => resolve(request.result);
    });
    const page = await tab({ storageVersion: 2, limits: { openMs: 50 } });
    assert.equal(page.status.storage, 'blocked');
    assert.match(page.status.warnings.join(), /old tab/);
    backend.stop();
    await page.collection('clients').add({ full_name: 'A' });
    assert.equal(page.status.unsent, 1);
    old.close();
    await page.until('moved', ({ storage }) => storage === 'durable');
    await soon('stored', async () => (await page.core.database.run((handle) => handle.count('operations'))) === 1);
    backend.start();
    await idle(page);
    assert.equal(backend.log.length, 1);
  });

  clientTest('opened late while a change is being sent: what comes after it for the same record does not overtake it', async ({ backend, browser, tab }) => {
    const old = await new Promise((resolve) => {
      const opening = indexedDB.open(browser.storage, 1);
      opening.onsuccess = () => resolve(opening.result);
    });
    const page = await tab({ storageVersion: 2, limits: { openMs: 50, requestMs: 500 } });
    const clients = page.collection('clients');
    let isOnItsWay = false;
    backend.next(/^POST/, ({ signal }) => {
      isOnItsWay = true;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const first = clients.save({ id: 'a', full_name: 'A', phone: '1' });
    await soon('on its way', () => isOnItsWay);
    const second = clients.save({ id: 'a', full_name: 'A', phone: '2' });
    await soon('both wait', () => page.sync.unsent.value.length === 2);
    old.close();
    await soon('open', () => page.core.database.isOpen);
    await Promise.all([first, second]);
    await idle(page);
    assert.equal(backend.rows('clients')[0].phone, '2');
  });

  clientTest('cleared while a change is being sent: its answer settles that change and no other, and it cannot be taken back', async ({ backend, browser, tab }) => {
    const page = await tab();
    const clients = page.collection('clients');
    await clients.add({ id: 'z', full_name: 'Z' }); // so that the numbers begin anew
    let answer;
    backend.next(/^POST/, () => new Promise((resolve) => (answer = resolve)));
    const first = clients.save({ id: 'a', full_name: 'A' });
    await soon('on its way', () => answer !== undefined);
    const second = clients.save({ id: 'a', phone: '9' });
    await soon('both wait', () => page.sync.unsent.value.length === 2);
    await new Promise((resolve) => (indexedDB.deleteDatabase(browser.storage).onsuccess = resolve));
    assert.equal(await page.sync.discardUnsent(page.sync.unsent.value[0].key), false); // another tab may have it
    await soon('written again', () => page.status.storage === 'durable');
    answer();
    assert.equal((await first).stored, 'backend');
    assert.equal((await second).stored, 'backend');
    assert.equal(backend.rows('clients').find(({ id }) => id === 'a').phone, '9');
  });

  clientTest('late: what an older page left in it and what was loaded meanwhile become what the backend has', async ({ backend, tab }) => {
    backend.change('clients', 'a', { full_name: 'A' });
    const older = await tab();
    const before = watch(older);
    await soon('loaded', () => before.rows.length === 1);
    await following(backend, older);
    await older.close();
    backend.remove('clients', 'a');
    backend.change('clients', 'b', { full_name: 'B' });

    const { open } = IDBFactory.prototype;
    let release;
    const released = new Promise((resolve) => (release = resolve));
    IDBFactory.prototype.open = function (...given) {
      const request = open.apply(this, given);
      const dispatch = request.dispatchEvent.bind(request);
      request.dispatchEvent = (event) => (event.type === 'success' ? void released.then(() => dispatch(event)) : dispatch(event));
      return request;
    };
    try {
      const page = await tab({ limits: { openMs: 20 } });
      assert.equal(page.status.storage, 'memory');
      const seen = watch(page);
      await soon('loaded', () => names(seen.rows) === 'B');
      await following(backend, page);
      release();
      await page.until('there', ({ storage }) => storage === 'durable');
      await soon('as the backend', () => names(seen.rows) === 'B' && page.core.cache.cursor('clients') === backend.head);
      const stored = () => page.core.database.run((handle) => handle.get('cursors', 'clients'));
      await soon('stored', async () => (await stored())?.cursor === backend.head);
      await page.close();
    } finally {
      IDBFactory.prototype.open = open;
    }
    const next = await tab();
    await next.core.cache.hydrate('clients');
    assert.equal(names([...next.core.ids('clients')].flatMap((id) => next.core.shown('clients', id) ?? [])), 'B');
  });

  clientTest('a newer page changes the form of the storage: this tab gives way, says so, and still sends', async ({ backend, browser, tab }) => {
    const page = await tab();
    await new Promise((resolve, reject) => {
      const request = indexedDB.open(browser.storage, 9);
      request.onsuccess = () => resolve(request.result.close());
      request.onblocked = reject;
    });
    await page.until('outdated', ({ storage }) => storage === 'outdated');
    assert.match(page.status.warnings.join(), /reload/);
    backend.stop();
    await page.collection('clients').add({ full_name: 'A' });
    assert.equal(page.status.unsent, 1);
    backend.start();
    await idle(page);
    assert.equal(backend.log.length, 1);
    const late = await browser.tab(backend);
    assert.equal(late.status.storage, 'outdated');
  });
});

describe('clock', () => {
  clientTest('a clock a year off is said, and nothing depends on it', async ({ backend, tab }) => {
    backend.clockOffMs = 365 * 24 * 3_600_000;
    const page = await tab();
    const seen = watch(page);
    await following(backend, page);
    await page.collection('clients').add({ full_name: 'A' });
    assert.match(page.status.warnings.join(), /clock is off by 365 days/);
    await soon('shown', () => seen.rows.length === 1);
    backend.clockOffMs = 0;
    await page.collection('clients').load();
    assert.equal(page.status.clockSkewMs, null);
  });

  clientTest('a mark of a tab that sent with a clock in the future holds nothing up', async ({ backend, browser, tab }) => {
    const page = await tab();
    backend.stop();
    await page.collection('clients').add({ full_name: 'A' });
    await page.core.database.run(async (handle) => {
      const [operation] = await handle.getAll('operations');
      await handle.put('operations', { ...operation, lease: { tab: 'x', untilMs: Date.now() + 365 * 24 * 3_600_000 } });
    });
    page.crash();
    const next = await browser.tab(backend);
    backend.start();
    await idle(next);
    assert.equal(backend.log.length, 1);
  });
});
