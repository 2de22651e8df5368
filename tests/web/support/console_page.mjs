// A browser that has the console open, with everything that goes wrong in it collected.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const screenshots = fileURLToPath(new URL('../../../build/screenshots', import.meta.url));
const axeSource = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ofTheNetwork = /net::ERR_|Failed to load resource/; // Chromium itself says when a request fails

export const wide = { width: 1280, height: 800 };
export const narrow = { width: 390, height: 844 };

export class ConsolePage {
  errors = [];
  networkErrors = [];
  foreign = [];

  // `context` is a person's browser; `url` where the console is, with a slash at the end.
  static async open(context, url, hash = '#/', { size = wide } = {}) {
    const made = new ConsolePage();
    const page = (made.page = await context.newPage());
    made.url = url;
    await page.setViewportSize(size);
    page.on('pageerror', (error) => made.errors.push(String(error.stack ?? error)));
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      (ofTheNetwork.test(message.text()) ? made.networkErrors : made.errors).push(message.text());
    });
    page.on('request', (request) => {
      const target = request.url();
      if (/^https?:/.test(target) && new URL(target).origin !== new URL(url).origin) made.foreign.push(target);
    });
    await page.goto(url + hash);
    await made.ready();
    return made;
  }

  // A page is there, behind the frame.
  async ready() {
    await this.page.locator('main h1').first().waitFor();
  }

  async go(hash) {
    await this.page.evaluate((to) => (location.hash = to), hash);
    await this.ready();
  }

  hash() {
    return this.page.evaluate(() => location.hash);
  }

  // The row of the table that holds a text.
  row(text) {
    return this.page.locator('.grid-window [role=row]', { hasText: text });
  }

  async screenshot(name) {
    await mkdir(screenshots, { recursive: true });
    await this.page.screenshot({ path: path.join(screenshots, `${name}.png`) });
  }

  // What axe finds and calls serious or critical, as text.
  async serious() {
    await this.page.evaluate(await axeSource);
    return this.page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join('\n  ')}`);
    });
  }

  assertClean({ network = false } = {}) {
    assert.deepEqual(this.errors, []);
    assert.deepEqual(this.foreign, []);
    if (!network) assert.deepEqual(this.networkErrors, []);
  }
}
