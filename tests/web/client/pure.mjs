// The parts without surroundings.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import './support/globals.mjs';
import { canonicalFields, entityName } from '../../../http/web/client/dist/modules/entity.js';
import { fingerprint, uuid7 } from '../../../http/web/client/dist/modules/ids.js';
import { LiveView } from '../../../http/web/client/dist/modules/live_view.js';
import { applyToRecord, threeWay } from '../../../http/web/client/dist/modules/merge.js';
import { comparator, matcher, queryKey } from '../../../http/web/client/dist/modules/query.js';
import { fullJitter } from '../../../http/web/client/dist/modules/retry.js';
import { Signal } from '../../../http/web/client/dist/modules/signal.js';
import { SseParser } from '../../../http/web/client/dist/modules/sse.js';
import { seeded } from '../support/random.mjs';

export function pureTests() {
  describe('pure', () => {
    test('merge: fields that only one side changed are both kept', () => {
      const { write, conflicts } = threeWay({ name: 'A', phone: '1' }, { phone: '2' }, { name: 'B', phone: '1' });
      assert.deepEqual(write, { phone: '2' });
      assert.equal(conflicts, 0);
    });

    test('merge: the same field changed to different values is a conflict, to the same value none', () => {
      const merged = threeWay({ phone: '1', city: 'x' }, { phone: '2', city: 'y' }, { phone: '3', city: 'y' });
      assert.deepEqual(merged.write, {});
      assert.deepEqual(merged.fields, [{ path: ['phone'], base: '1', mine: '2', theirs: '3', conflict: true }]);
    });

    test('merge: objects are merged name by name', () => {
      const base = { data: { a: 1, b: { c: 1 } } };
      const { write, fields } = threeWay(base, { data: { b: { d: 2 } } }, { data: { a: 5, b: { c: 1, d: 3 } } });
      assert.deepEqual(write, {});
      assert.deepEqual(fields.map(({ path }) => path), [['data', 'b', 'd']]);
      assert.deepEqual(threeWay(base, { data: { a: 2 } }, { data: { a: 1, b: { c: 9 } } }).write, { data: { a: 2 } });
    });

    test('merge: without a base every difference is a conflict, and an empty value is an empty value', () => {
      assert.equal(threeWay(null, { phone: '2', city: '' }, { phone: '3', city: null }).conflicts, 1);
    });

    test('merge: a record shows a patch as the backend will store it', () => {
      const record = applyToRecord({ id: 'a', phone: '1', data: { a: 1, b: 2 } }, { phone: null, data: { a: null, c: 3 } });
      assert.deepEqual(record, { id: 'a', phone: null, data: { b: 2, c: 3 } });
    });

    test('query: filters, ranges, several values and search find what the list finds', () => {
      const info = { filters: { reference: 'reference_number' }, search: ['full_name'] };
      const row = { full_name: 'Évа Ångström', branch: 'north', reference_number: 'R1', days: 5, date: '2026-03-01' };
      const finds = (query) => matcher(info, query)(row);
      assert.ok(finds({ branch: ['south', 'north'], reference: 'R1' }));
      assert.ok(!finds({ branch: 'south' }));
      assert.ok(finds({ search: 'angstrom' }));
      assert.ok(finds({ 'days[gte]': 5, 'date[lt]': '2026-04-01', 'branch[ne]': 'east' }));
      assert.ok(!finds({ 'days[gt]': '5' }));
      assert.equal(queryKey({ b: 1, a: ['x', 'y'] }), queryKey({ a: ['x', 'y'], b: 1 }));
    });

    test('query: no value comes last when ascending and first when descending, ids decide', () => {
      const rows = [{ id: 'a', city: null }, { id: 'b', city: 'x' }, { id: 'c', city: '' }, { id: 'd', city: 'a' }];
      const order = (sort) => [...rows].sort(comparator({}, { sort })).map(({ id }) => id).join('');
      assert.equal(order('city'), 'cdba');
      assert.equal(order('-city'), 'abdc');
    });

    test('live view: changes one by one give what sorting everything gives', () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const random = seeded(seed);
      const view = new LiveView({ order: ['rank'] }, { branch: 'north' });
      const rows = new Map();
      for (let step = 0; step < 2_000; ++step) {
        const id = `r${Math.floor(random() * 60)}`;
        if (random() < 0.2) rows.delete(id);
        else rows.set(id, { id, rank: Math.floor(random() * 20), branch: random() < 0.7 ? 'north' : 'south' });
        view.update([id], (one) => rows.get(one) ?? null);
        if (step % 50 > 0) continue;
        const expected = [...rows.values()].filter(({ branch }) => branch === 'north').sort(comparator({ order: ['rank'] }, {}));
        assert.deepEqual(view.rows, expected, `seed ${seed}, step ${step}`);
      }
    });

    test('live view: a record that is named twice at once, with what waits for it, is in it once', () => {
      const view = new LiveView({}, {});
      const shown = (id) => ({ id, full_name: 'made anew each time' });
      for (let time = 0; time < 2; ++time) {
        view.update(['a', 'b', 'a'], shown);
        assert.deepEqual(view.rows.map(({ id }) => id).sort(), ['a', 'b']);
      }
    });

    test('records: aliases get the field’s name, objects are parsed, bookkeeping is left out', () => {
      const info = { aliases: { fullName: 'full_name' }, objects: ['data'] };
      const given = { id: 'x', fullName: 'A', version: 3, data: '{"a":1}', created_at: 'now', phone: undefined };
      assert.deepEqual(canonicalFields(info, given), { full_name: 'A', data: { a: 1 } });
      assert.deepEqual(canonicalFields(info, { fullName: 'A', full_name: 'B', data: 'no json' }), { full_name: 'B', data: 'no json' });
    });

    test('names: entities have the names that existing pages call', () => {
      assert.equal(entityName('clients', 'singular'), 'Client');
      assert.equal(entityName('finance-cash-requests', 'plural'), 'FinanceCashRequests');
      assert.equal(entityName('finance-cash-requests', 'singular'), 'FinanceCashRequest');
    });

    test('ids: are unique, of version 7, and never run backwards with the clock', () => {
      const ids = [uuid7(1_000_000), uuid7(2_000_000), uuid7(5), uuid7(Number.MAX_SAFE_INTEGER)];
      assert.equal(new Set(ids).size, 4);
      for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(ids[1].slice(0, 13), ids[2].slice(0, 13));
      assert.notEqual(fingerprint('secret'), fingerprint('secreT'));
    });

    test('retry: a random time below a bound that doubles up to a cap', () => {
      assert.equal(fullJitter(3, 100, 1_000, () => 0.999), 799);
      assert.equal(fullJitter(50, 100, 1_000, () => 0.5), 500);
      assert.equal(fullJitter(0, 100, 1_000, () => 0), 0);
    });

    test('stream text: frames come out whole however they arrive, and an endless one is an error', () => {
      const text = ': hi\n\nretry: 25\n\nevent: hello\ndata: {"a":\ndata: 1}\n\nid: 7-ab\ndata: x\n\n';
      for (let size = 1; size < text.length; ++size) {
        const parser = new SseParser(1_000);
        const frames = [];
        for (let at = 0; at < text.length; at += size) frames.push(...parser.push(text.slice(at, at + size)));
        assert.deepEqual(frames.map(({ event, data, id, retry }) => [event, data, id, retry]), [
          ['', '', undefined, 25],
          ['hello', '{"a":\n1}', undefined, undefined],
          ['', 'x', '7-ab', undefined],
        ]);
      }
      assert.throws(() => new SseParser(10).push('data: 0123456789'));
    });

    test('signal: a subscriber that throws stops nobody, and hears nothing after it has left', () => {
      const heard = [];
      const signal = new Signal(1);
      const leave = signal.subscribe((value) => heard.push(value));
      signal.set(2);
      signal.set(2);
      leave();
      signal.set(3);
      assert.deepEqual(heard, [1, 2]);
    });
  });
}
