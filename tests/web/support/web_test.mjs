// Tests whose servers, pages, writers and sockets are closed with them, also when one fails or hangs. A failed one
// shows what its servers printed.
import { readFile } from 'node:fs/promises';
import { after, describe, test } from 'node:test';
import { closeBrowser, newContext } from './browser.mjs';
import { PageHost } from './page_host.mjs';
import { Server } from './server.mjs';
import { Writers } from './writers.mjs';

const testTimeoutMs = 240_000; // above every single wait: a failed wait says more

// Closes what a test opens, the newest first.
class Scope {
  #closers = [];
  #servers = [];
  #context = null;

  // Its close() is called at the end of the test.
  keep(thing) {
    this.#closers.push(() => thing.close());
    return thing;
  }

  async server(options) {
    const server = this.keep(await Server.start(options));
    this.explainAlso(server);
    return server;
  }

  async pageHost() {
    return this.keep(await PageHost.start());
  }

  writers(server, options) {
    return this.keep(new Writers(server, options));
  }

  // A tab at `url` with the scripts of tests/web/pages named: pages of the server itself do not load them.
  async tab(url, { scripts = [] } = {}) {
    this.#context ??= this.keep(await newContext());
    const page = await this.#context.newPage();
    await page.goto(url);
    for (const script of scripts) {
      await page.evaluate(await readFile(new URL(`../pages/${script}`, import.meta.url), 'utf8'));
    }
    return page;
  }

  // Another person's browser: shares nothing with the tabs above.
  async otherBrowser(options) {
    return this.keep(await newContext(options));
  }

  explainAlso(server) {
    this.#servers.push(server);
  }

  explain() {
    for (const { origin, output } of this.#servers) console.error(`--- what ${origin} printed\n${output}`);
  }

  async close() {
    const failures = [];
    for (const close of this.#closers.splice(0).reverse()) {
      await close().catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}

after(closeBrowser);

// A test with everything of its own: body(scope, t).
export function webTest(name, body) {
  test(name, { timeout: testTimeoutMs }, async (t) => {
    const scope = new Scope();
    t.after(() => scope.close());
    try {
      await body(scope, t);
    } catch (error) {
      scope.explain();
      throw error;
    }
  });
}

// Tests that share a server and the page host that it lets in, one after the other. `body` gets the function that adds
// one: add(name, async ({ scope, t, server, host, start }) => …); `start` is the cursor where it begins.
export function onOneServer(body) {
  describe('on one server', { concurrency: 1 }, () => {
    const shared = new Scope();
    let opened = null;
    const open = async () => {
      const host = await shared.pageHost();
      return { host, server: await shared.server({ arguments: ['--cors-origin', host.origin] }) };
    };
    after(() => shared.close());
    body((name, testBody) =>
      webTest(name, async (scope, t) => {
        opened ??= open();
        const { host, server } = await opened;
        scope.explainAlso(server);
        await testBody({ scope, t, server, host, start: await server.head() });
      }),
    );
  });
}

let idsMade = 0;
// A record id that no other test uses.
export const freshId = (prefix) => `${prefix}-${++idsMade}`;
