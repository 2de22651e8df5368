// The console as these tests use it: a server with the console in front, tabs, and a look at each page: by axe, and as pictures in
// build/screenshots.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { ConsoleHost } from './console_host.mjs';
import { ConsolePage, narrow, wide } from './console_page.mjs';
import { lookAtPageMs, until } from './wait.mjs';

export const screenshots = fileURLToPath(new URL('../../../build/screenshots', import.meta.url));

export async function consoleSetUp(scope, options) {
  const server = await scope.server(options);
  return { server, host: scope.keep(await ConsoleHost.start(server)) };
}

// The page of a tab with the console at `hash`; the tab itself is its `tab`.
export async function openConsole(browser, host, hash = '#/') {
  const tab = await ConsolePage.open(browser, host.url, hash);
  return Object.assign(tab.page, { tab });
}

export const goTo = (page, hash) => page.tab.go(hash);

// What the network does is part of these tests.
export const assertNoErrors = (...pages) => pages.forEach(({ tab }) => tab.assertClean({ network: true }));

// Light and dark: no serious finding of axe, and a picture of each; `small`: a telephone's too.
export async function lookAt(page, name, { small = false } = {}) {
  const { tab } = page;
  const look = async (colorScheme, suffix) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    assert.deepEqual(await tab.serious(), [], `${name}, ${suffix}`);
    await tab.screenshot(`${name}-${suffix}`);
  };
  for (const colorScheme of ['light', 'dark']) await look(colorScheme, colorScheme);
  if (small) {
    await page.setViewportSize(narrow);
    for (const colorScheme of ['light', 'dark']) await look(colorScheme, `small-${colorScheme}`);
    await page.setViewportSize(wide);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
}

export const untilPage = (what, page, condition, options = {}) =>
  until(what, () => condition(page), { everyMs: lookAtPageMs, ...options });

// A short message at the edge.
export const toast = (page, text) => page.locator('.toast', { hasText: text }).first().waitFor();

// What a person reads on the page.
export const textOf = (page, selector = 'main') => page.locator(selector).innerText();
