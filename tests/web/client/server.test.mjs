// The client against the real server: what the scripted backend stands for is what the server does. A wrapper around fetch
// takes the network away and loses answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Server } from '../support/server.mjs';
import { until } from '../support/wait.mjs';
import { runHistory } from './support/history.mjs';
import { Browser } from './support/tab.mjs';

const histories = process.env.SYNCLOG_TEST_LONG ? 600 : 40;
const restarts = process.env.SYNCLOG_TEST_LONG ? 20 : 4;
const seed = Number(process.env.SYNCLOG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 30));
let server;
before(async () => (server = await Server.start()));
after(() => server.close());

// The server behind a network of its own.
function world(prefix) {
  const script = [];
  const streams = new Set();
  let isUp = true;
  const dropStreams = () => streams.forEach((stream) => stream.abort());
  return {
    tabOptions: { url: server.origin, limits: { leaseMs: 500, firstTryMs: 100 } },
    fetch: async (url, init = {}) => {
      const at = script.findIndex(({ pattern }) => `${init.method ?? 'GET'} ${url}`.match(pattern));
      const treatment = at < 0 ? undefined : script.splice(at, 1)[0].treatment;
      if (!isUp || treatment === 'fail') throw new TypeError('fetch failed');
      const network = new AbortController();
      init.signal?.addEventListener('abort', () => network.abort());
      if (init.signal?.aborted) network.abort();
      if (url.includes('/api/events')) streams.add(network);
      const answer = await fetch(url, { ...init, signal: network.signal });
      if (treatment === 'lose') throw new TypeError('fetch failed');
      return answer;
    },
    next: (pattern, treatment) => script.push({ pattern, treatment }),
    dropStreams,
    stop: () => {
      isUp = false;
      dropStreams();
    },
    start: () => (isUp = true),
    heal: () => {
      script.length = 0;
      isUp = true;
    },
    // Merged into what is there; nothing is replaced when a page makes the record at the same moment.
    change: async (id, fields) => {
      for (let status = 404; status === 404 || status === 409; ) {
        for (const [method, target, body] of [['PATCH', `/${id}`, fields], ['POST', '', { id, ...fields, expected_version: 0 }]]) {
          const answer = await server.request(method, `/api/clients${target}`, { body });
          await answer.arrayBuffer();
          status = answer.status;
          if (status < 300) break;
        }
      }
    },
    remove: async (id) => (await server.request('DELETE', `/api/clients/${id}`)).arrayBuffer(),
    rows: async () => (await server.request('GET', '/api/clients')).json(),
    log: () => server.log(),
    prefix,
  };
}

describe('real server', () => {
  test(`random histories: backend = cache, each change once (${histories} from seed ${seed})`, { timeout: 600_000 }, async () => {
    for (let index = 0; index < histories; ++index) {
      const prefix = `h${index}-`;
      await runHistory(world(prefix), seed + index, { prefix });
    }
  });

  test('killed and restarted while a page keeps adding: every record is there once, nothing asks for a reload', { timeout: 300_000 }, async () => {
    const browser = new Browser();
    const tab = await browser.tab({ fetch: globalThis.fetch }, { url: server.origin });
    try {
      const seen = { rows: [] };
      tab.collection('visits').live({}, (rows) => (seen.rows = rows));
      const ids = [];
      let adding = true;
      const adder = (async () => {
        while (adding) {
          const { record } = await tab.collection('visits').add({ visit_date: '2026-11-26', notes: `n${ids.length}` });
          ids.push(record.id);
        }
      })();
      for (let round = 0; round < restarts; ++round) {
        const wanted = ids.length + 20;
        await until('records', () => ids.length >= wanted);
        await server.kill9();
        await until('offline', () => tab.status.connection === 'offline');
        await server.start();
        await until('online', () => tab.status.connection === 'online');
      }
      adding = false;
      await adder;
      await until('all sent', () => tab.status.unsent === 0);
      const created = (await server.log()).filter(({ resource }) => resource === 'visits').map(({ id }) => id);
      assert.deepEqual([...created].sort(), [...ids].sort());
      await until('all shown', () => seen.rows.length === ids.length);
      assert.equal(tab.status.attention, 0);
    } finally {
      await browser.close();
    }
  });

  test('a record’s history is the server’s, and a version of it is the base of a merge', { timeout: 120_000 }, async () => {
    const browser = new Browser();
    const tab = await browser.tab({ fetch: globalThis.fetch }, { url: server.origin });
    try {
      const clients = tab.collection('clients');
      const { record } = await clients.add({ full_name: 'A', phone: '1', city: 'x' });
      await server.save('clients', { id: record.id, phone: 'theirs' });
      await clients.get(record.id); // the version that the form was filled with is not in the cache any more
      const saved = await clients.save({ ...record, city: 'mine' });
      assert.deepEqual([saved.stored, saved.record.phone, saved.record.city], ['backend', 'theirs', 'mine']);
      const history = await clients.history(record.id);
      assert.deepEqual(history.map(({ version, action }) => [version, action]), [[1, 'created'], [2, 'updated'], [3, 'updated']]);
      assert.deepEqual(history[1].changes, [{ path: '/phone', from: '1', to: 'theirs' }]);
    } finally {
      await browser.close();
    }
  });

  test('a whole record saved on top of others’ change of the same object is merged into it, alone and in a list', { timeout: 120_000 }, async () => {
    const browser = new Browser();
    const tab = await browser.tab({ fetch: globalThis.fetch }, { url: server.origin });
    const other = world('');
    try {
      const clients = tab.collection('clients');
      const ids = ['whole-1', 'whole-2', 'whole-3'];
      const data = { a: 1, b: 2, deep: { x: 1, y: 1 } };
      await clients.saveAll(ids.map((id) => ({ id, full_name: id, data })));
      const { rows } = await clients.load({ 'full_name[gte]': 'whole-', 'full_name[lt]': 'whole.' });
      const read = structuredClone(rows);
      assert.equal(read.length, 3);
      for (const id of ids) await other.change(id, { data: { c: 3, deep: { z: 1 } } });
      for (const id of ids) await clients.get(id);
      const mine = { b: 9, deep: { x: 1, y: 2 } }; // without `a`
      const [one, ...list] = read.map((row) => ({ ...row, data: mine }));
      assert.equal((await clients.save(one)).stored, 'backend');
      assert.equal((await clients.saveAll(list)).stored, 'backend');
      for (const id of ids) {
        const { record } = await clients.get(id);
        assert.deepEqual(record.data, { b: 9, deep: { x: 1, y: 2, z: 1 }, c: 3 });
      }
      assert.equal(tab.status.attention, 0);
      await clients.save({ id: ids[0], data: mine });
      assert.deepEqual((await clients.get(ids[0])).record.data, mine, 'without a version it says all of the object');
    } finally {
      await browser.close();
    }
  });

  test('bounds in any spelling: views find what the server finds, and no record is lost by it', { timeout: 120_000 }, async () => {
    const browser = new Browser();
    const tab = await browser.tab({ fetch: globalThis.fetch }, { url: server.origin });
    try {
      const appointments = tab.collection('appointments');
      const list = Array.from({ length: 12 }, (_, n) => ({ id: `a${n}`, full_name: `N${n}`, date: `2026-03-0${1 + (n % 3)}`, time: `10:0${n % 2}` }));
      await appointments.saveAll(list);
      const { rows: all } = await appointments.load();
      const moment = (row) => `${new Date(Date.parse(row.created_at) + 7 * 3_600_000).toISOString().slice(0, 19)}.${row.created_at.slice(20, 26)}+07:00`;
      const middle = moment(all[6]);
      const bounds = { date: ['2026-03-02', '2026-03-02T00:30:00+07:00'], time: ['10:00', '10:00:00'], created_at: [middle, middle.replace(/[.]\d+/, ''), '2026-01-01T00:00:00Z'], fullName: ['N3'] };
      for (const [field, values] of Object.entries(bounds)) {
        for (const query of values.flatMap((value) => ['gte', 'gt', 'lte', 'lt', 'ne'].map((operator) => ({ [`${field}[${operator}]`]: value })))) {
          const { rows } = await appointments.load(query);
          const live = await new Promise((resolve) => {
            const stop = appointments.live(query, (got, { source }) => source === 'backend' && setTimeout(() => (stop(), resolve(got))));
          });
          assert.deepEqual(live.map(({ id }) => id), rows.map(({ id }) => id), JSON.stringify(query));
          assert.ok(list.every(({ id }) => appointments.known(id)), JSON.stringify(query));
        }
      }
    } finally {
      await browser.close();
    }
  });

  test('what clients read, the server answers: filters, order, refusals, bulk, natural keys', { timeout: 120_000 }, async () => {
    const browser = new Browser();
    const tab = await browser.tab({ fetch: globalThis.fetch }, { url: server.origin });
    try {
      const distributors = tab.collection('distributors');
      const list = Array.from({ length: 60 }, (_, n) => ({
        code: `D${n}`, name: `Näme ${n % 7}`, branch: n % 2 ? 'north' : 'south', commissionRate: n % 5, status: n % 3 ? 'active' : '',
      }));
      const all = await distributors.saveAll(list);
      assert.deepEqual([all.stored, all.problems], ['backend', []]);
      for (const query of [{}, { branch: 'north' }, { 'commission_rate[gte]': 3 }, { search: 'name 3' }, { sort: '-status,commission_rate' }, { code: ['D1', 'D2'] }]) {
        const { rows } = await distributors.load(query);
        const live = await new Promise((resolve) => {
          const stop = distributors.live(query, (got, { source }) => source === 'backend' && setTimeout(() => (stop(), resolve(got))));
        });
        assert.deepEqual(live.map(({ id }) => id), rows.map(({ id }) => id), JSON.stringify(query));
        assert.ok(rows.length > 0);
      }
      const again = await distributors.saveAll(list.map((one) => ({ ...one })));
      assert.equal(again.problems.length, 0);
      assert.equal((await server.log()).filter(({ resource }) => resource === 'distributors').length, 60, 'no event for what is the same');
      const refused = await distributors.add({ code: 'D99' });
      assert.deepEqual([refused.stored, refused.problem.errors[0].pointer], ['attention', '/distributor_name']);
      const none = await distributors.saveAll([{ code: 'D98' }, { code: 'D97' }]);
      assert.equal(none.problems.length, 2);
    } finally {
      await browser.close();
    }
  });
});
