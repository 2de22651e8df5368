// A table of 100,000 rows in Chromium: scrolled, and read page by page. How fast is told, not asserted: the machine may be busy.
import assert from 'node:assert/strict';
import { ConsoleHost } from './support/console_host.mjs';
import { ConsolePage } from './support/console_page.mjs';
import { webTest } from './support/web_test.mjs';

const rows = 100_000;
const perRequest = 10_000;
const frames = 240;
const frameMs = 1000 / 60;

async function fill(server) {
  for (let begin = 0; begin < rows; begin += perRequest) {
    const body = Array.from({ length: perRequest }, (_, index) => {
      const number = String(begin + index).padStart(6, '0');
      return { id: `CLT-${number}`, full_name: `Client ${number}`, phone: `08${number}`, city: 'Bangkok', branch: 'north', email: `c${number}@example.org` };
    });
    const answer = await server.request('POST', '/api/clients', { body });
    await answer.arrayBuffer();
    assert.equal(answer.status, 200);
  }
}

// Scrolls by so much each frame, and answers how long each frame took and how many rows were missing in it.
function scroll(tab, pixels) {
  return tab.page.locator('.grid').evaluate(
    (grid, { pixels, frames }) =>
      new Promise((resolve) => {
        const intervals = [];
        let blank = 0;
        let before = performance.now();
        const step = (now) => {
          intervals.push(now - before);
          before = now;
          const box = grid.getBoundingClientRect();
          const shown = [...grid.querySelectorAll('.grid-window [role=row]')];
          const bottom = shown.at(-1)?.getBoundingClientRect().bottom ?? 0;
          const top = shown[0]?.getBoundingClientRect().top ?? Infinity;
          if (bottom < box.bottom - 20 || top > box.top + 40) ++blank;
          grid.scrollTop += pixels;
          if (intervals.length < frames) requestAnimationFrame(step);
          else resolve({ intervals: intervals.slice(5), blank });
        };
        requestAnimationFrame(step);
      }),
    { pixels, frames },
  );
}

async function busySeconds(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  const value = (name) => metrics.find((metric) => metric.name === name).value;
  return value('ScriptDuration') + value('LayoutDuration') + value('RecalcStyleDuration');
}

const middle = (values) => [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)];

export function consoleScrollTests() {
  webTest('console: a table of 100,000 rows scrolls to its end, whole in nearly every frame', async (scope, t) => {
    const server = await scope.server();
    await fill(server);
    const host = scope.keep(await ConsoleHost.start(server));
    const browser = await scope.otherBrowser();
    const tab = await ConsolePage.open(browser, host.url, '#/t/clients?sort=full_name');
    await tab.row('Client 000000').waitFor();
    const session = await browser.newCDPSession(tab.page);
    await session.send('Performance.enable');
    for (const [name, pixels] of Object.entries({ slowly: 36, 'by the wheel': 240 })) {
      const before = await busySeconds(session);
      const { intervals, blank } = await scroll(tab, pixels);
      const busyMs = ((await busySeconds(session)) - before) * 1000 / frames;
      t.diagnostic(`${name}: ${(1000 / middle(intervals)).toFixed(1)} frames a second, ${busyMs.toFixed(2)} ms of ${frameMs.toFixed(1)} busy in each, ${blank} of ${frames} not whole`);
      assert.ok(blank < frames / 20, `${name}: ${blank} frames were not whole`);
    }
    // To the end, without the rows between.
    let pages = 0;
    tab.page.on('request', (request) => (pages += /api\/clients\?.*limit=/.test(request.url()) ? 1 : 0));
    await tab.page.locator('.grid').focus();
    const pressedMs = Date.now();
    await tab.page.keyboard.press('End');
    await tab.page.locator('.table-foot', { hasText: 'The last 2,000 of 100,000 records' }).waitFor();
    await tab.page.locator('.grid-active', { hasText: 'Client 099999' }).waitFor();
    t.diagnostic(`the end after ${Date.now() - pressedMs} ms`);
    assert.ok(pages <= 2, `${pages} pages were read`);
    const elements = await tab.page.evaluate(() => document.querySelectorAll('*').length);
    assert.ok(elements < 2_000, `${elements} elements`);
    // It is live at its end as at its beginning.
    await server.save('clients', { id: 'CLT-099999', city: 'Songkhla' });
    await tab.row('Client 099999').getByText('Songkhla').waitFor();
    // Upwards over the first row that is there: others come in above, and nothing moves under the eye.
    await tab.page.locator('.grid').evaluate((grid) => (grid.scrollTop = 0));
    await tab.row('Client 098000').waitFor();
    await tab.page.locator('.table-foot', { hasText: 'The last 4,000' }).waitFor();
    const seen = () => tab.page.locator('.grid').evaluate((grid) => {
      const top = grid.querySelector('.grid-head').getBoundingClientRect().bottom;
      return [...grid.querySelectorAll('.grid-window [role=row]')].find((row) => row.getBoundingClientRect().bottom > top + 2)?.textContent;
    });
    assert.match(await seen(), /Client 098000/);
    await tab.page.keyboard.press('Home');
    await tab.page.locator('.grid-active', { hasText: 'Client 000000' }).waitFor();
    await tab.page.getByRole('button', { name: 'To the last' }).click();
    await tab.page.locator('.grid-active', { hasText: 'Client 099999' }).waitFor();
    await tab.page.getByRole('button', { name: 'To the first' }).click();
    await tab.page.locator('.grid-active', { hasText: 'Client 000000' }).waitFor();
    const heap = await session.send('Performance.getMetrics');
    t.diagnostic(`heap ${(heap.metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 2 ** 20).toFixed(0)} MB`);
    tab.assertClean();
  });
}
