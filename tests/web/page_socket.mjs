// The live socket in Chromium, word for word as existing pages use it.
import assert from 'node:assert/strict';
import { assertLogHolds, assertSawExactly } from './support/stream_checks.mjs';
import { lookAtPageMs, until } from './support/wait.mjs';
import { onOneServer, webTest } from './support/web_test.mjs';

const recordsBetween = 60; // acknowledged before and after each disturbance

const state = (tab) =>
  tab.evaluate(() => ({
    opens: window.seen.opens,
    closes: window.seen.closes,
    events: window.seen.events.length,
    types: window.seen.frames.map(({ type }) => type),
  }));

function untilTab(what, tab, condition) {
  let last;
  return until(what, async () => condition((last = await state(tab))), {
    everyMs: lookAtPageMs,
    describe: () => JSON.stringify(last).slice(0, 2_000),
  });
}

const connect = (tab, server, subscription) =>
  tab.evaluate(([url, asked]) => window.connect(url, asked), [server.socketUrl, subscription]);
const ownTab = (scope, server) => scope.tab(`${server.origin}/version`, { scripts: ['socket.js'] });
const foreignTab = (scope, host) => scope.tab(`${host.origin}/socket.html`);
const telling = (frames) => frames.filter(({ type }) => type !== 'checkpoint');

export function pageSocketTests() {
  webTest('socket in a page: it asks for what it missed, over a restart and a kill -9', async (scope) => {
    const host = await scope.pageHost();
    const server = await scope.server({ arguments: ['--cors-origin', host.origin] });
    const writers = scope.writers(server);
    const tabs = [await foreignTab(scope, host), await foreignTab(scope, host), await ownTab(scope, server)];
    for (const tab of tabs) await connect(tab, server, { channels: ['clients'], after: 0, follow: true });
    for (const [round, end] of ['stop', 'kill9'].entries()) {
      await writers.advance(recordsBetween);
      for (const tab of tabs) await untilTab('connected', tab, ({ opens }) => opens === round + 1);
      await server[end]();
      await server.start();
      await writers.advance(recordsBetween);
    }
    await writers.stop();

    const log = await server.log();
    assertLogHolds(log, writers.acknowledged);
    for (const tab of tabs) {
      await untilTab('the newest event', tab, ({ events }) => events >= log.length);
      assertSawExactly(await tab.evaluate(() => window.seen.events), log);
      const { closes, types } = await state(tab);
      const [restart, ...killed] = closes;
      assert.deepEqual(restart, { code: 1012, wasClean: true });
      // Attempts while the server is away end like the kill itself.
      for (const close of killed) assert.equal(close.code, 1006);
      assert.equal(types.filter((type) => type === 'bye').length, 1);
    }
  });

  onOneServer((add) => {
    for (const place of ['another origin', 'the server itself']) {
      add(`socket in a page: the exchange of existing pages, from ${place}`, async (given) => {
        const { scope, host, server, start } = given;
        const tab = place === 'another origin' ? await foreignTab(scope, host) : await ownTab(scope, server);
        await connect(tab, server, { channels: ['clients', 'orders'] });
        await untilTab('caught up', tab, ({ types }) => types.includes('caught_up'));
        await server.save('visits', { visit_date: '2026-11-23' });
        const record = await server.save('clients', { fullName: 'A. N. Other', branch: 'north' });
        await untilTab('an event', tab, ({ types }) => types.includes('event'));
        await tab.evaluate(() => window.seen.send({ type: 'ping' }));
        await untilTab('a pong', tab, ({ types }) => types.includes('pong'));

        const frames = telling(await tab.evaluate(() => window.seen.frames));
        assert.deepEqual(frames.map(({ type }) => type), ['hello', 'subscribed', 'caught_up', 'event', 'pong']);
        const [hello, subscribed, , event] = frames;
        assert.equal(hello.cursor, start);
        assert.deepEqual(subscribed.channels, ['clients']);
        assert.deepEqual(subscribed.unknown, ['orders']);
        assert.equal(event.resource, 'clients');
        assert.equal(event.action, 'created');
        assert.deepEqual(event.data, record);
      });
    }

    add('socket in a page: an origin that is not on the list is refused', async ({ scope, server }) => {
      const tab = await foreignTab(scope, await scope.pageHost());
      await connect(tab, server, { channels: ['clients'], after: 0 });
      await untilTab('refused', tab, ({ closes }) => closes.length > 0);
      const { opens, closes, types } = await state(tab);
      assert.equal(opens, 0);
      assert.deepEqual(closes, [{ code: 1006, wasClean: false }]);
      assert.deepEqual(types, []);
    });
  });
}
