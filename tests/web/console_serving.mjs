// The console as the server sends it: within its budget, from this server alone, below a prefix, and without a backend.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { ConsolePage } from './support/console_page.mjs';
import { PrefixProxy } from './support/prefix_proxy.mjs';
import { until } from './support/wait.mjs';
import { webTest } from './support/web_test.mjs';

const budget = { script: 60 * 1024, style: 12 * 1024 }; // gzipped, of what a first visit loads

const controlled = (page) => page.waitForFunction(() => navigator.serviceWorker.controller !== null);
const cachesOf = (page) => page.evaluate(() => caches.keys());

export function consoleServingTests() {
  webTest('console: a first visit is within its budget, asks this server alone, and says when it first painted', async (scope, t) => {
    const server = await scope.server();
    const tab = await ConsolePage.open(await scope.otherBrowser(), `${server.origin}/`, '#/t/clients');
    const { page } = tab;
    tab.assertClean();

    const sizes = { script: 0, style: 0 };
    const loaded = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name, initiatorType }) => ({ name, initiatorType })));
    for (const { name } of loaded) {
      const kind = /\/assets\/[^/]+\.js$/.test(name) ? 'script' : /\/assets\/[^/]+\.css$/.test(name) ? 'style' : null;
      if (kind) sizes[kind] += gzipSync(Buffer.from(await (await fetch(name)).arrayBuffer()), { level: 9 }).length;
    }
    t.diagnostic(`first load, gzipped: ${sizes.script} bytes of script, ${sizes.style} of style`);
    assert.ok(sizes.script > 0 && sizes.style > 0);
    for (const kind of Object.keys(budget)) assert.ok(sizes[kind] <= budget[kind], `${kind}: ${sizes[kind]} of ${budget[kind]}`);

    const paint = await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    t.diagnostic(`first contentful paint after ${Math.round(await paint.jsonValue())} ms`);
  });

  webTest('console: below a prefix behind a proxy everything works, the reference and the worker too', async (scope) => {
    const server = await scope.server();
    await server.save('clients', { id: 'CLT-prefix', full_name: 'Below A Prefix', branch: 'north' });
    const proxy = scope.keep(await PrefixProxy.start(server));
    const browser = await scope.otherBrowser();
    const asked = [];
    browser.on('request', (request) => asked.push(request.url()));
    const tab = await ConsolePage.open(browser, proxy.url, '#/t/clients');
    const { page } = tab;
    await tab.row('Below A Prefix').waitFor();
    await server.save('clients', { id: 'CLT-live', full_name: 'Live Through It', branch: 'north' });
    await tab.row('Live Through It').waitFor();
    await controlled(page);
    await page.goto(`${proxy.url}docs`);
    await page.locator('.operation').first().waitFor();
    assert.deepEqual(asked.filter((url) => !url.startsWith(proxy.url)), []);
    tab.assertClean();
    const scopes = await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).map((each) => each.scope));
    assert.deepEqual(scopes, [proxy.url]);
  });

  webTest('console: with the server gone it opens from its worker, with cached rows and the outbox, and goes on when it is back', async (scope) => {
    const server = await scope.server();
    await server.save('clients', { id: 'CLT-kept', full_name: 'Kept In The Cache', branch: 'north' });
    const tab = await ConsolePage.open(await scope.otherBrowser(), `${server.origin}/`, '#/t/clients');
    const { page } = tab;
    await tab.row('Kept In The Cache').waitFor();
    await controlled(page);
    await server.stop();
    await page.reload();
    await tab.row('Kept In The Cache').waitFor();
    await page.locator('.sidebar .status-offline').waitFor();
    await page.goto(`${server.origin}/#/outbox`);
    await page.getByRole('heading', { level: 1, name: 'Outbox' }).waitFor();
    await page.goto(`${server.origin}/docs`);
    await page.getByRole('heading', { level: 1 }).waitFor(); // the page is there; what it describes is not
    await page.goto(`${server.origin}/#/t/clients`);
    tab.assertClean({ network: true });

    await server.start();
    await page.locator('.sidebar .status-online').waitFor();
    await server.save('clients', { id: 'CLT-back', full_name: 'Back Again', branch: 'north' });
    await tab.row('Back Again').waitFor();
    // Only the console's own files are in the worker's cache.
    const cached = await page.evaluate(async () => {
      const all = [];
      for (const name of await caches.keys()) for (const { url } of await (await caches.open(name)).keys()) all.push(url);
      return all;
    });
    assert.ok(cached.length > 3);
    assert.deepEqual(cached.filter((url) => url.includes('/api/') || url.includes('.json')), []);
  });

  webTest('console: a new build is offered once, loaded when somebody says so, and leaves one older cache', async (scope) => {
    const server = await scope.server();
    const proxy = scope.keep(await PrefixProxy.start(server));
    const { page } = await ConsolePage.open(await scope.otherBrowser(), proxy.url);
    await controlled(page);
    let loads = 0;
    page.on('load', () => ++loads);
    const before = await cachesOf(page);
    assert.equal(before.length, 1);
    // The same build, unseen: its worker takes over without a word.
    const anotherBuild = (name) => {
      proxy.rewrite = (path, body) => (path !== '/sw.js' ? null : body === null ? '' : body.replaceAll(before[0].split(' ').at(-1), name));
      return page.evaluate(async () => void (await (await navigator.serviceWorker.getRegistration()).update()));
    };
    await anotherBuild('second');
    await until('the second worker has taken over', () =>
      page.evaluate(async () => {
        const { installing, waiting } = await navigator.serviceWorker.getRegistration();
        return installing === null && waiting === null && (await caches.keys()).some((name) => name.endsWith(' second'));
      }));
    assert.equal(loads, 0);
    assert.equal(await page.locator('.toast').count(), 0);

    // Another build: its files have other names.
    proxy.pathOf = (path) => path.replace(/-OTHER(\.js)$/, '$1');
    proxy.rewrite = (path, body) => {
      if (path !== '/sw.js') return null;
      if (body === null) return '';
      return body.replaceAll(before[0].split(' ').at(-1), 'third').replace(/(assets\/[\w-]+)(\.js)/g, '$1-OTHER$2');
    };
    await page.evaluate(async () => void (await (await navigator.serviceWorker.getRegistration()).update()));
    await page.locator('.toast', { hasText: 'There is a new version' }).waitFor();
    assert.equal(loads, 0);
    await page.getByRole('button', { name: 'Reload' }).click();
    await until('it was loaded again', () => loads === 1);
    await page.locator('nav[aria-label="Console"]').waitFor();
    const names = await until('the oldest cache is gone', async () => {
      const now = await cachesOf(page);
      return now.length === 2 && now;
    });
    assert.deepEqual(names.map((name) => name.split(' ').at(-1)).sort(), ['second', 'third']);
    assert.equal(loads, 1);
  });
}
