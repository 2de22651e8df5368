// EventSource in Chromium against a real server: a page that follows the stream never needs to reload to be sure.
import assert from 'node:assert/strict';
import { assertLogHolds, assertSawExactly } from './support/stream_checks.mjs';
import { lookAtPageMs, until } from './support/wait.mjs';
import { onOneServer, webTest } from './support/web_test.mjs';

const recordsBetween = 30; // acknowledged before a disturbance and again after it

// A tab of the server's own origin that follows `target`.
async function ownTab(scope, server, target) {
  const tab = await scope.tab(`${server.origin}/version`, { scripts: ['follow.js'] });
  await tab.evaluate((url) => window.follow(url), server.origin + target);
  return tab;
}

// A tab of another site that follows `target`.
async function foreignTab(scope, host, server, target) {
  const tab = await scope.tab(`${host.origin}/follow.html`);
  await tab.evaluate((url) => window.follow(url), server.origin + target);
  return tab;
}

const state = (tab) =>
  tab.evaluate(() => ({
    opens: window.seen.opens,
    errors: window.seen.errors,
    state: window.seen.state(),
    events: window.seen.events.length,
    controls: window.seen.controls.map(({ name }) => name),
  }));

function untilTab(what, tab, condition) {
  let last;
  return until(what, async () => condition((last = await state(tab))), {
    everyMs: lookAtPageMs,
    describe: () => JSON.stringify(last),
  });
}

const sawEvents = (tab, count) => untilTab(`${count} events`, tab, ({ events }) => events >= count);
const eventsOf = (tab) => tab.evaluate(() => window.seen.events);

// The server ends twice, by `end`: once it is back at once, once only after every page has tried in vain to reconnect.
async function followOverRestarts(scope, end) {
  const host = await scope.pageHost();
  const server = await scope.server({ arguments: ['--cors-origin', host.origin] });
  const writers = scope.writers(server);
  const all = '/api/events?after=0'; // Last-Event-ID must beat it on the way back
  const narrow = '/api/events?after=0&branch=north&resource=clients';
  const tabs = [
    await ownTab(scope, server, all),
    await ownTab(scope, server, all),
    await foreignTab(scope, host, server, all),
    await foreignTab(scope, host, server, narrow),
  ];
  for (const inVain of [false, true]) {
    await writers.advance(recordsBetween);
    const before = await Promise.all(tabs.map(state));
    await end(server);
    if (inVain) {
      for (const [index, tab] of tabs.entries())
        await untilTab('an attempt in vain', tab, ({ errors }) => errors >= before[index].errors + 2);
    }
    await server.start();
    await writers.advance(recordsBetween); // pages wait seconds before they come back: these they must catch up with
    for (const [index, tab] of tabs.entries())
      await untilTab('the page is back', tab, ({ opens }) => opens === before[index].opens + 1);
  }
  await writers.advance(recordsBetween);
  await writers.stop();

  const log = await server.log();
  assertLogHolds(log, writers.acknowledged);
  for (const [index, tab] of tabs.entries()) {
    const expected = index < 3 ? log : log.filter(({ branch }) => branch === 'north');
    await sawEvents(tab, expected.length);
    const seen = await eventsOf(tab);
    assertSawExactly(seen, expected);
    for (const { id, event } of seen) assert.equal(id, event.cursor);
    const { controls, opens } = await state(tab);
    assert.equal(opens, 3);
    assert.ok(!controls.includes('resync'), 'the successor knows the cursor');
  }
  return { writers, tabs };
}

export function eventSourceTests() {
  webTest('EventSource: pages resume by themselves after a restart, every event once and in order', async (scope) => {
    const { tabs } = await followOverRestarts(scope, async (server) => assert.equal(await server.stop(), 0));
    for (const tab of tabs) {
      const { controls } = await state(tab);
      assert.equal(controls.filter((name) => name === 'bye').length, 2, 'each restart is announced');
    }
  });

  webTest('EventSource: pages resume by themselves after a kill -9, every event once and in order', async (scope) => {
    const { writers } = await followOverRestarts(scope, (server) => server.kill9());
    assert.ok(writers.repeated > 0, 'the writers were disturbed too');
  });

  webTest('EventSource: a page that comes back to another history is told, and goes on there', async (scope) => {
    const first = await scope.server();
    for (const name of ['One', 'Two']) await first.save('clients', { full_name: name });
    const tab = await ownTab(scope, first, '/api/events?after=0');
    await sawEvents(tab, 2);
    await untilTab('caught up', tab, ({ controls }) => controls.includes('caught_up'));
    assert.equal(await first.stop(), 0);

    const second = await scope.server({ port: first.port });
    await untilTab('resync', tab, ({ controls }) => controls.includes('resync'));
    const caughtUpAgain = ({ controls }) => controls.lastIndexOf('caught_up') > controls.indexOf('resync');
    await untilTab('caught up again', tab, caughtUpAgain);
    const { data } = (await tab.evaluate(() => window.seen.controls)).find(({ name }) => name === 'resync');
    assert.equal(data.reason, 'beyond_head');
    assert.equal(data.cursor, await second.head());
    await second.save('clients', { full_name: 'From here on' });
    await sawEvents(tab, 3);
    assertSawExactly((await eventsOf(tab)).slice(2), await second.log());
  });

  onOneServer((add) => {
    add('EventSource: a page from now on sees what comes, and nothing of what was', async ({ scope, server }) => {
      await server.save('clients', { full_name: 'Before' });
      const head = await server.head();
      const tab = await ownTab(scope, server, '/api/events');
      await untilTab('caught up', tab, ({ controls }) => controls.includes('caught_up'));
      await server.save('clients', { full_name: 'After' });
      await sawEvents(tab, 1);
      assertSawExactly(await eventsOf(tab), await server.log(head));
    });

    add('EventSource: a page of another origin saves, retries and sees its own record once', async (given) => {
      const { scope, server, host, start } = given;
      const tab = await foreignTab(scope, host, server, `/api/events?after=${start}`);
      await untilTab('caught up', tab, ({ controls }) => controls.includes('caught_up'));
      const [first, second] = await tab.evaluate(saveTwice, server.origin);
      assert.equal(first.status, 201);
      assert.deepEqual(second, { ...first, replayed: 'true' });
      assert.deepEqual(first.list[0], first.record);
      await server.save('clients', { full_name: 'Another' }); // so that a second copy would be seen by now
      await sawEvents(tab, 2);
      const [{ event }, next] = await eventsOf(tab);
      assert.equal(event.cursor, first.cursor);
      assert.deepEqual(event.data, first.record);
      assert.deepEqual(event.data.data, { note: 'from a page' });
      assert.equal(next.event.data.full_name, 'Another');
    });

    add('EventSource: a page of an origin that is not on the list gets nothing', async ({ scope, server }) => {
      const stranger = await scope.pageHost();
      await server.save('clients', { full_name: 'Not for everybody' });
      const tab = await foreignTab(scope, stranger, server, '/api/events?after=0');
      await untilTab('refused', tab, ({ state: now }) => now === 'closed');
      assert.deepEqual(await eventsOf(tab), []);
      const outcome = await tab.evaluate(
        (origin) => fetch(`${origin}/api/clients`).then(() => 'answered', () => 'refused'),
        server.origin,
      );
      assert.equal(outcome, 'refused');
    });
  });
}

// Runs in a page: saves a record, and once more with the same key, as after an answer that was lost.
async function saveTwice(origin) {
  const answers = [];
  for (let attempt = 0; attempt < 2; ++attempt) {
    const answer = await fetch(`${origin}/api/clients`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'from-a-page' },
      body: JSON.stringify({ fullName: 'A. N. Other', branch: 'north', data: '{"note":"from a page"}' }),
    });
    answers.push({
      status: answer.status,
      replayed: answer.headers.get('Idempotency-Replayed'),
      cursor: answer.headers.get('Sync-Position'),
      record: await answer.json(),
      list: await (await fetch(`${origin}/api/clients`)).json(),
    });
  }
  return answers;
}
