// The live socket through an ordinary WebSocket client library.
import assert from 'node:assert/strict';
import { FrameSocket, SocketFollower, upgradeStatus } from './support/socket.mjs';
import { assertLogHolds, assertSawExactly } from './support/stream_checks.mjs';
import { until } from './support/wait.mjs';
import { freshId, onOneServer, webTest } from './support/web_test.mjs';

const recordsBetween = 60; // acknowledged before and after each disturbance

export function wsClientTests() {
  webTest('ws: who comes back with `after` sees every event once, over restarts and kill -9', async (scope) => {
    const server = await scope.server();
    const writers = scope.writers(server);
    const all = { channels: ['clients'], after: 0 };
    const follow = (asked) => scope.keep(new SocketFollower(server.socketUrl, asked));
    const followers = [follow(all), follow(all), follow({ ...all, branch: 'north' })];
    for (const end of ['stop', 'kill9', 'stop', 'kill9']) {
      await writers.advance(recordsBetween);
      await until('everybody is connected', () => followers.every(({ opens, codes }) => opens === codes.length + 1));
      await server[end]();
      await server.start();
      await writers.advance(recordsBetween);
    }
    await writers.stop();

    const log = await server.log();
    assertLogHolds(log, writers.acknowledged);
    for (const [index, follower] of followers.entries()) {
      const expected = index < 2 ? log : log.filter(({ branch }) => branch === 'north');
      await until('the newest event', () => follower.seen.length >= expected.length);
      assertSawExactly(follower.seen, expected);
      assert.deepEqual(follower.codes, [1012, 1006, 1012, 1006]);
      assert.equal(follower.byes.length, 2);
    }
  });

  onOneServer((add) => {
    // A test on a server with /ws. open() opens a socket that is closed with the test, and takes its hello.
    const socketTest = (name, body) =>
      add(name, async ({ scope, ...given }) => {
        const open = async () => {
          const socket = scope.keep(await FrameSocket.open(given.server.socketUrl));
          const { cursor } = await socket.expect('hello');
          return { socket, cursor };
        };
        await body({ ...given, open });
      });

    socketTest('ws: the exchange of existing pages', async ({ server, open, start }) => {
      const { socket, cursor } = await open();
      assert.equal(cursor, start);
      const subscribed = await socket.subscribe({ channels: ['clients', 'orders'] });
      assert.deepEqual(subscribed.channels, ['clients']);
      assert.deepEqual(subscribed.unknown, ['orders']);
      assert.equal(subscribed.cursor, start);
      assert.equal((await socket.expect('caught_up')).cursor, start);

      await server.save('visits', { visit_date: '2026-11-23', branch: 'north' });
      const record = await server.save('clients', { fullName: 'A. N. Other', branch: 'north' });
      const event = await socket.expect('event'); // the visit is not of these channels
      assert.equal(event.resource, 'clients');
      assert.equal(event.action, 'created');
      assert.equal(event.id, record.id);
      assert.deepEqual(event.data, record);
      assert.equal(event.data.full_name, 'A. N. Other');
      await socket.ping();
    });

    socketTest('ws: from the first event, then live: envelopes are those of the log', async ({ server, open }) => {
      const [one, two] = [freshId('CLT'), freshId('CLT')];
      for (const id of [one, two]) await server.save('clients', { id, full_name: 'A', branch: 'north' });
      const { socket, cursor } = await open();
      const subscribed = await socket.subscribe({ channels: ['clients', 'visits'], after: 0 });
      assert.deepEqual(subscribed.channels, ['clients', 'visits']);
      await socket.expectEvents(await server.log());
      assert.equal((await socket.expect('caught_up')).cursor, cursor);

      await server.save('visits', { visit_date: '2026-11-23' });
      await server.save('clients', { id: one, phone: '0812345', branch: 'east' });
      assert.equal((await server.request('DELETE', `/api/clients/${two}`)).status, 200);
      const live = await server.log(cursor);
      assert.deepEqual(live.map(({ action }) => action), ['created', 'updated', 'deleted']);
      await socket.expectEvents(live);
    });

    socketTest('ws: branch, id and action narrow a subscription, for what was and what comes', async (given) => {
      const { server, open, start } = given;
      const [mover, other] = [freshId('CLT'), freshId('CLT')];
      let round = 0;
      const write = async () => {
        ++round;
        await server.save('clients', { id: other, full_name: `${round}`, branch: 'north' });
        await server.save('clients', { id: mover, full_name: `${round}`, branch: 'south' });
        await server.save('visits', { visit_date: '2026-11-23', branch: 'north' });
      };
      const inSouth = ({ branch, previous_branch: before }) => branch === 'south' || before === 'south';
      const narrowed = [
        [{ branch: 'south' }, inSouth],
        [{ branch: ['south', 'east'] }, inSouth],
        [{ id: other }, ({ id }) => id === other],
        [{ id: [mover, other], action: 'created' }, ({ id, action }) => id.startsWith('CLT') && action === 'created'],
        [{ action: ['updated', 'deleted'] }, ({ action }) => action === 'updated'],
        [{ action: 'created', branch: 'north' }, ({ action, branch }) => action === 'created' && branch === 'north'],
      ];
      await write();
      await write();
      const before = await server.log(start);
      const sockets = [];
      for (const [asked, matches] of narrowed) {
        const { socket } = await open();
        await socket.subscribe({ channels: ['clients', 'visits'], after: start, ...asked });
        await socket.expectEvents(before.filter(matches));
        await socket.expect('caught_up');
        sockets.push(socket);
      }
      await write();
      await server.save('clients', { id: mover, branch: 'north' }); // leaves the south: seen there too
      await write(); // and comes back
      const after = await server.log(before.at(-1).cursor);
      for (const [index, [, matches]] of narrowed.entries()) await sockets[index].expectEvents(after.filter(matches));
    });

    socketTest('ws: pings are answered at both levels', async ({ open }) => {
      const { socket } = await open();
      await socket.ping(); // before any subscription
      await socket.subscribe({ channels: ['clients'] });
      await socket.expect('caught_up');
      await socket.ping();
      assert.equal(await socket.protocolPing('are you there'), 'are you there');
      await socket.ping();
    });

    socketTest('ws: after unsubscribe nothing comes, and a new subscription goes on anywhere', async (given) => {
      const { server, open, start } = given;
      const [{ socket }, { socket: other }] = [await open(), await open()];
      for (const each of [socket, other]) {
        await each.subscribe({ channels: ['clients'] });
        await each.expect('caught_up');
      }
      await server.save('clients', { full_name: 'Seen' });
      const { cursor } = await socket.expect('event');
      await endSubscription(socket, {});

      await server.save('clients', { full_name: 'Not seen' });
      const log = await server.log(start);
      await other.expectEvents(log); // it has been sent to whoever subscribes
      await socket.ping();
      await socket.subscribe({ channels: ['clients'], after: cursor });
      await socket.expectEvents(log.slice(1));
      await socket.expect('caught_up');
    });

    socketTest('ws: several named subscriptions share a socket and end one by one', async ({ server, open }) => {
      const { socket } = await open();
      for (const channel of ['clients', 'visits']) {
        await socket.subscribe({ channels: [channel], subscription: `my ${channel}` });
        await socket.expect('caught_up');
      }
      const visit = await server.save('visits', { visit_date: '2026-11-23' });
      const client = await server.save('clients', { full_name: 'A' });
      const seen = [await socket.expect('event'), await socket.expect('event')];
      assert.deepEqual(seen.map(({ id }) => id).sort(), [visit.id, client.id].sort());

      await endSubscription(socket, { subscription: 'my visits' });
      for (const name of ['B', 'C']) {
        await server.save('visits', { visit_date: '2026-11-23' });
        const { id } = await server.save('clients', { full_name: name });
        assert.equal((await socket.expect('event')).id, id);
      }
    });

    socketTest('ws: a malformed frame gets an error with a code, and the socket stays', async (given) => {
      const { server, open, start } = given;
      const { socket } = await open();
      await socket.subscribe({ channels: ['clients'] });
      await socket.expect('caught_up');
      const malformed = [
        'this is no JSON',
        '{"type":"subscribe"',
        '[]',
        '{}',
        '{"type":42}',
        '{"type":"dance"}',
        '{"type":"subscribe","channels":["visits"],"after":"no cursor"}',
      ];
      for (const frame of malformed) {
        socket.send(frame);
        const error = await socket.expect('error');
        assert.ok(typeof error.code === 'string' && error.code.length > 0, frame);
        assert.equal(typeof error.detail, 'string', frame);
        await socket.ping();
      }
      await server.save('clients', { full_name: 'Still here' });
      await socket.expectEvents(await server.log(start));
    });

    socketTest('ws: programs and allowed origins get in, others are refused', async ({ server, host }) => {
      const statusOf = (origin) => upgradeStatus(server.socketUrl, origin === undefined ? {} : { origin });
      for (const origin of [undefined, server.origin, host.origin]) assert.equal(await statusOf(origin), 101, origin);
      const trick = `${host.origin}.evil.example`;
      for (const origin of ['http://elsewhere.example', trick, host.origin.replace('http', 'https'), 'null'])
        assert.equal(await statusOf(origin), 403, origin);
    });

    socketTest('ws: a cursor of another history or beyond the head gets resync', async ({ server, open }) => {
      const { position } = await server.save('clients', { full_name: 'A' });
      const head = await server.head();
      const strange = { [`${position}-00000000`]: 'other_history', [`${position + 70}-12345678`]: 'beyond_head' };
      for (const [after, reason] of Object.entries(strange)) {
        const { socket } = await open();
        await socket.subscribe({ channels: ['clients'], after });
        const resync = await socket.expect('resync');
        assert.equal(resync.reason, reason);
        assert.equal(resync.cursor, head);
        assert.equal((await socket.expect('caught_up')).cursor, head);
      }
    });
  });
}

// Unsubscribes; returns when the server has taken notice. It may confirm, and says nothing else.
async function endSubscription(socket, asked) {
  socket.send({ type: 'unsubscribe', ...asked });
  socket.send({ type: 'ping' });
  let frame = await socket.next();
  if (frame.type === 'unsubscribed') frame = await socket.next();
  assert.equal(frame.type, 'pong', JSON.stringify(frame));
}
