// The client library in Chromium, on a page of another origin than the server: what people see.
import assert from 'node:assert/strict';
import { lookAtPageMs, until } from './support/wait.mjs';
import { webTest } from './support/web_test.mjs';

const takeOverMs = 10_000;
const ofTheNetwork = /net::ERR_|Failed to load resource/; // Chromium itself says when a request fails

// Tabs of one browser on one page, in order; whatever goes wrong in them is collected.
class Tabs {
  errors = [];
  tabs = [];

  constructor(server, host, open) {
    this.server = server;
    this.host = host;
    this.open = open;
  }

  async tab() {
    const tab = await this.open();
    tab.on('pageerror', (error) => this.errors.push(String(error)));
    tab.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
    await tab.goto(`${this.host.origin}/client.html?server=${encodeURIComponent(this.server.origin)}`);
    await ready(tab);
    this.tabs.push(tab);
    return tab;
  }

  assertNoErrors() {
    assert.deepEqual(this.errors.filter((text) => !ofTheNetwork.test(text)), []);
  }
}

const ready = (tab) => tab.waitForFunction(() => window.page !== undefined);

async function setUp(scope) {
  const host = await scope.pageHost();
  const server = await scope.server({ arguments: ['--cors-origin', host.origin] });
  const browser = await scope.otherBrowser();
  return { host, server, browser, tabs: new Tabs(server, host, () => browser.newPage()) };
}

const state = (tab) =>
  tab.evaluate(() => ({
    names: window.page.rows.map(({ full_name }) => full_name).sort(),
    ids: window.page.rows.map(({ id }) => id),
    status: window.page.sync.status.value,
  }));

function untilTab(what, tab, condition, timeoutMs) {
  let last;
  return until(what, async () => condition((last = await state(tab))) && last, {
    everyMs: lookAtPageMs,
    describe: () => JSON.stringify(last),
    ...(timeoutMs ? { timeoutMs } : {}),
  });
}

const online = (tab) => untilTab('online', tab, ({ status }) => status.connection === 'online');
const add = (tab, full_name) => tab.evaluate((name) => window.page.clients.add({ full_name: name }), full_name);
const shows = (tab, ...names) => untilTab(`the rows ${names}`, tab, (now) => now.names.join() === [...names].sort().join());

async function openStreams(server) {
  const text = await (await server.request('GET', '/metrics')).text();
  return Number(/^synclog_streams_open\{kind="sse"\} (\d+)/m.exec(text)?.[1] ?? 0);
}
const untilStreams = (server, count) =>
  until(`${count} streams`, async () => (await openStreams(server)) === count, { everyMs: lookAtPageMs });

export function clientLibraryTests() {
  webTest('client library: two browsers see each other’s changes', async (scope) => {
    const { server, host, tabs } = await setUp(scope);
    const other = await scope.otherBrowser();
    const others = new Tabs(server, host, () => other.newPage());
    const [mine, theirs] = [await tabs.tab(), await others.tab()];
    await Promise.all([online(mine), online(theirs)]);
    const { record, stored } = await add(mine, 'From one');
    assert.equal(stored, 'backend');
    await shows(theirs, 'From one');
    await theirs.evaluate((id) => window.page.clients.update(id, { full_name: 'From the other' }), record.id);
    await shows(mine, 'From the other');
    await mine.evaluate((id) => window.page.adapters.removeClientAdapter(id), record.id);
    await shows(theirs);
    tabs.assertNoErrors();
    others.assertNoErrors();
  });

  webTest('client library: eight tabs have one stream, and the eighth works', async (scope) => {
    const { server, tabs } = await setUp(scope);
    for (let n = 0; n < 8; ++n) await tabs.tab();
    const eighth = tabs.tabs.at(-1);
    await online(eighth);
    assert.equal((await add(eighth, 'From the eighth')).stored, 'backend');
    await server.save('clients', { full_name: 'From elsewhere' });
    for (const tab of tabs.tabs) await shows(tab, 'From elsewhere', 'From the eighth');
    assert.equal(await openStreams(server), 1);
    assert.equal((await state(eighth)).status.stream, 'shared');
    tabs.assertNoErrors();
  });

  webTest('client library: backend stopped, a save is kept with a warning, a reload shows it, it is sent exactly once', async (scope) => {
    const { server, tabs } = await setUp(scope);
    const tab = await tabs.tab();
    await online(tab);
    await add(tab, 'Before');
    assert.equal(await server.stop(), 0);
    const saved = await add(tab, 'While it is away');
    assert.equal(saved.stored, 'outbox');
    assert.match(saved.warning, /kept here and sent later/);
    await untilTab('offline', tab, ({ status }) => status.connection === 'offline' && status.unsent === 1 && status.storage === 'durable');
    await tab.reload();
    await ready(tab);
    await shows(tab, 'Before', 'While it is away');
    await server.start();
    await untilTab('sent', tab, ({ status }) => status.connection === 'online' && status.unsent === 0);
    const created = (await server.log()).filter(({ id }) => id === saved.record.id);
    assert.deepEqual(created.map(({ action }) => action), ['created']);
    await shows(tab, 'Before', 'While it is away');
    tabs.assertNoErrors();
  });

  webTest('client library: the leading tab is closed, then frozen: another takes over within ten seconds', async (scope) => {
    const { server, browser, tabs } = await setUp(scope);
    const [first, second, third] = [await tabs.tab(), await tabs.tab(), await tabs.tab()];
    for (const tab of tabs.tabs) await online(tab);
    await untilStreams(server, 1);
    await first.close();
    await server.save('clients', { full_name: 'After the close' });
    for (const tab of [second, third]) await shows(tab, 'After the close');

    // The second waited first, and leads now.
    const devtools = await browser.newCDPSession(second);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    const began = Date.now();
    await server.save('clients', { full_name: 'While it is frozen' });
    await untilTab('taken over', third, ({ names }) => names.length === 2, takeOverMs * 3);
    const tookMs = Date.now() - began;
    assert.ok(tookMs < takeOverMs, `taken over after ${tookMs} ms`);
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    await shows(second, 'After the close', 'While it is frozen');
    await add(second, 'Awake again');
    await shows(third, 'After the close', 'While it is frozen', 'Awake again');
    await untilStreams(server, 1);
    tabs.assertNoErrors();
  });
}
