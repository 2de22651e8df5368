// What the client library promises of bad days, in Chromium: servers that die again and again, many changes at once, a clock that is
// wrong, storage that is cleared.
import assert from 'node:assert/strict';
import { lookAtPageMs, pause, until } from './support/wait.mjs';
import { webTest } from './support/web_test.mjs';

const isLong = Boolean(process.env.SYNCLOG_TEST_LONG);
const kills = isLong ? 20 : 5;
const busySeconds = isLong ? 60 : 10;
const changesAMinute = 1_000;
const yearMs = 366 * 86_400_000;
const withinMs = 1_000;

async function openPage(scope, { browser, server, host } = {}) {
  host ??= await scope.pageHost();
  server ??= await scope.server({ arguments: ['--cors-origin', host.origin] });
  browser ??= await scope.otherBrowser();
  const page = await browser.newPage();
  await page.goto(`${host.origin}/client.html?server=${encodeURIComponent(server.origin)}`);
  await page.waitForFunction(() => window.page !== undefined);
  return { page, server, host, browser };
}

const status = (page) => page.evaluate(() => window.page.sync.status.value);
function untilStatus(what, page, condition, timeoutMs) {
  let last;
  return until(what, async () => condition((last = await status(page))) && last, {
    everyMs: lookAtPageMs,
    describe: () => JSON.stringify(last),
    ...(timeoutMs ? { timeoutMs } : {}),
  });
}
const online = (page) => untilStatus('online', page, ({ connection }) => connection === 'online');
const rowsOf = (page) => page.evaluate(() => window.page.rows.map(({ id, full_name, version }) => [id, full_name, version]).sort());
const rowsOfBackend = async (server) =>
  (await (await server.request('GET', '/api/clients')).json()).map(({ id, full_name, version }) => [id, full_name, version]).sort();

export function clientRecoveryTests() {
  webTest(`client recovery: server killed and restarted ${kills} times while a page keeps adding: every record once, nobody reloads`, async (scope) => {
    const { page, server } = await openPage(scope);
    await online(page);
    await page.evaluate(() => {
      window.added = [];
      window.isLoaded = true; // gone after a reload
      window.adding = (async () => {
        for (let n = 0; !window.stopAdding; ++n) {
          const { record } = await window.page.clients.add({ full_name: `C${n}` });
          window.added.push(record.id);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
    });
    for (let round = 0; round < kills; ++round) {
      const before = await page.evaluate(() => window.added.length);
      await until('it adds', async () => (await page.evaluate(() => window.added.length)) > before + 3, { everyMs: lookAtPageMs });
      await server.kill9();
      await server.start();
    }
    await page.evaluate(() => {
      window.stopAdding = true;
      return window.adding;
    });
    await untilStatus('all is sent', page, ({ unsent, connection }) => unsent === 0 && connection === 'online');
    assert.equal(await page.evaluate(() => window.isLoaded), true);
    const added = await page.evaluate(() => window.added);
    const created = (await server.log()).map(({ id, action }) => `${action} ${id}`).sort();
    assert.deepEqual(created, added.map((id) => `created ${id}`).sort());
    assert.deepEqual(await rowsOf(page), await rowsOfBackend(server));
    assert.equal((await status(page)).attention, 0);
  });

  webTest(`client recovery: two browsers with ${changesAMinute} changes a minute for ${busySeconds} s: both show what the backend has, each change within a second`, async (scope) => {
    const first = await openPage(scope);
    const second = await openPage(scope, { server: first.server, host: first.host });
    const pages = [first.page, second.page];
    await Promise.all(pages.map(online));
    const { id } = (await first.page.evaluate(() => window.page.clients.add({ full_name: 'Mark' }))).record;
    // Each browser changes its own records, and now and then one that both have.
    const change = ({ seconds, everyMs, shared, who }) => {
      window.changing = (async () => {
        const ids = [];
        const begin = performance.now();
        for (let n = 0; performance.now() - begin < seconds * 1000; ++n) {
          await new Promise((resolve) => setTimeout(resolve, begin + n * everyMs - performance.now()));
          const { clients } = window.page;
          if (n % 10 === 9) void clients.update(shared, { [who === 0 ? 'phone' : 'city']: `${who}-${n}` });
          else if (n % 3 === 0 || ids.length === 0) void clients.add({ full_name: `${who}-${n}` }).then(({ record }) => ids.push(record.id));
          else void clients.update(ids[n % ids.length], { full_name: `${who}-${n}` });
        }
      })();
    };
    await Promise.all(pages.map((page, who) => page.evaluate(change, { seconds: busySeconds, everyMs: (60_000 / changesAMinute) * 2, shared: id, who })));
    // How long a change of a third takes to both, meanwhile.
    const delays = [];
    for (let n = 0; n < 10; ++n) {
      const name = `seen ${n}`;
      const seen = pages.map((page) => page.waitForFunction((text) => window.page.rows.some(({ full_name }) => full_name === text), name, { polling: 20 }));
      const began = performance.now();
      await first.server.save('clients', { full_name: name });
      await Promise.all(seen);
      delays.push(performance.now() - began);
    }
    await Promise.all(pages.map((page) => page.evaluate(() => window.changing)));
    for (const page of pages) await untilStatus('all is sent', page, ({ unsent }) => unsent === 0);
    const expected = await rowsOfBackend(first.server);
    for (const page of pages) {
      await until('the same as the backend', async () => JSON.stringify(await rowsOf(page)) === JSON.stringify(expected), { everyMs: lookAtPageMs, timeoutMs: 15_000 });
      assert.equal((await status(page)).attention, 0);
    }
    delays.sort((left, right) => left - right);
    const events = (await first.server.log()).length;
    console.log(`# ${events} events; a change was seen by both after ${Math.round(delays[5])} ms (median), ${Math.round(delays.at(-1))} ms at most`);
    assert.ok(delays[5] < withinMs, `${delays}`);
  });

  webTest('client recovery: a clock that is a year off is said, and nothing is lost or doubled', async (scope) => {
    const { server, host } = await openPage(scope);
    for (const offMs of [yearMs, -yearMs]) {
      const browser = await scope.otherBrowser();
      await browser.addInitScript((ms) => {
        const RealDate = Date;
        globalThis.Date = class extends RealDate {
          constructor(...given) {
            super(...(given.length === 0 ? [RealDate.now() + ms] : given));
          }
          static now() {
            return RealDate.now() + ms;
          }
        };
      }, offMs);
      const { page } = await openPage(scope, { server, host, browser });
      await online(page);
      const saved = await page.evaluate(() => window.page.clients.add({ full_name: 'Off' }));
      assert.equal(saved.stored, 'backend');
      const { warnings } = await untilStatus('it is said', page, ({ clockSkewMs }) => clockSkewMs !== null);
      assert.match(warnings.join(), /clock is off by 36[56] days/);
      await server.stop();
      const kept = await page.evaluate((id) => window.page.clients.update(id, { phone: '081' }), saved.record.id);
      assert.equal(kept.stored, 'outbox');
      await page.reload();
      await page.waitForFunction(() => window.page !== undefined);
      await server.start();
      await untilStatus('sent', page, ({ unsent, connection }) => unsent === 0 && connection === 'online');
      const mine = (await server.log()).filter(({ id }) => id === saved.record.id);
      assert.deepEqual(mine.map(({ action }) => action), ['created', 'updated']);
      await page.close();
    }
  });

  webTest('client recovery: storage that is cleared under the page loses nothing of what is unsent', async (scope) => {
    const { page, server, browser } = await openPage(scope);
    await online(page);
    await server.stop();
    for (const name of ['one', 'two']) await page.evaluate((full_name) => window.page.clients.add({ full_name }), name);
    const devtools = await browser.newCDPSession(page);
    await devtools.send('Storage.clearDataForOrigin', { origin: new URL(page.url()).origin, storageTypes: 'indexeddb' });
    await untilStatus('the storage is there again', page, ({ storage, unsent }) => storage === 'durable' && unsent === 2);
    await page.evaluate(() => window.page.clients.add({ full_name: 'three' }));
    await page.reload();
    await page.waitForFunction(() => window.page !== undefined);
    await untilStatus('all three are known', page, ({ unsent }) => unsent === 3);
    await server.start();
    await untilStatus('sent', page, ({ unsent }) => unsent === 0);
    const names = (await server.log()).map(({ data }) => data.full_name);
    assert.deepEqual(names.sort(), ['one', 'three', 'two']);
  });

  webTest('client recovery: faults of one tab are those of all, and nothing is lost under them', async (scope) => {
    const first = await openPage(scope);
    const second = await openPage(scope, first);
    await online(second.page);
    await first.page.evaluate(() => window.page.sync.setFaults({ drop: 0.4, slowMs: 20 }));
    await untilStatus('told', second.page, ({ faults }) => faults?.drop === 0.4);
    await second.page.evaluate(() => Promise.all(Array.from({ length: 20 }, (_, n) => window.page.clients.add({ full_name: `C${n}` }))));
    await first.page.evaluate(() => window.page.sync.setFaults({ offline: true }));
    assert.equal((await second.page.evaluate(() => window.page.clients.add({ full_name: 'C20' }))).stored, 'outbox');
    await pause(200); // offline for a moment
    await first.page.evaluate(() => window.page.sync.setFaults({}));
    await untilStatus('all is sent', second.page, ({ unsent, connection }) => unsent === 0 && connection === 'online');
    const names = (await first.server.log()).map(({ data }) => data.full_name);
    assert.equal(names.length, 21);
    assert.equal(new Set(names).size, 21);
  });
}
