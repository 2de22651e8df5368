// Parts of the console that need no browser; in a process of their own, whose fetch is theirs.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { consoleModule } from './support/console_module.mjs';

const field = (name, kind, more = {}) => ({ name, title: name, kind, required: false, unique: false, ...more });
const definition = {
  name: 'clients',
  title: 'Clients',
  description: '',
  prefix: 'CLT',
  fields: [
    field('reference_number', 'text', { unique: true }),
    field('full_name', 'text', { required: true }),
    field('age', 'integer'),
    field('branch', 'text'),
    field('since', 'date'),
    field('data', 'object'),
  ],
  filters: { reference: 'reference_number', branch: 'branch' },
  search: ['full_name'],
  order: ['-created_at'],
  key: 'reference_number',
  branch: 'branch',
  rest: 'data',
  aliases: {},
  csv: null,
};

describe('console parts', () => {
  let convert, query, source, drafts;
  before(async () => {
    [convert, query, source, drafts] = await Promise.all(
      ['forms/convert.ts', 'pages/tables/table_query.ts', 'pages/tables/table_source.ts', 'forms/record_draft.ts'].map(consoleModule),
    );
  });

  test('console: what a control holds becomes the value it stands for, or says why not', () => {
    const { fieldValue, controlText } = convert;
    const cases = [
      [field('a', 'text'), 'x', { value: 'x' }],
      [field('a', 'text'), '', { value: null }],
      [field('a', 'text'), '  ', { value: null }],
      [field('a', 'text'), ' x y ', { value: 'x y' }],
      [field('notes', 'text'), ' x\n', { value: ' x\n' }],
      [field('a', 'text', { required: true }), '', { error: 'is required' }],
      [field('a', 'text', { maxLength: 2 }), '👩👩', { value: '👩👩' }],
      [field('a', 'text', { maxLength: 2 }), 'abc', { error: 'has more than 2 characters' }],
      [field('a', 'number'), '1,5', { value: 1.5 }],
      [field('a', 'number'), '1,500,000', { error: 'must be a number' }],
      [field('a', 'number'), '1e999', { error: 'must be a number' }],
      [field('a', 'integer'), '1.5', { error: 'must be a whole number' }],
      [field('a', 'integer'), ' ', { value: null }],
      [field('a', 'boolean'), 'false', { value: false }],
      [field('a', 'time'), '09:30', { value: '09:30:00' }],
      [field('a', 'object'), '{"a":1}', { value: { a: 1 } }],
      [field('a', 'object'), '[1]', { error: 'must be an object: { … }' }],
      [field('a', 'array'), '{}', { error: 'must be a list: [ … ]' }],
    ];
    for (const [one, text, expected] of cases) assert.deepEqual(fieldValue(one, text), expected, `${one.kind} ${text}`);
    assert.match(fieldValue(field('a', 'object'), '{').error, /^is no JSON/);
    const moment = '2026-11-26T10:20:30.000Z';
    assert.deepEqual(fieldValue(field('a', 'timestamp'), controlText(field('a', 'timestamp'), moment)), { value: moment });
  });

  test('console: a URL is read as the list’s question, and nothing of the page goes to the server', () => {
    const params = new URLSearchParams('branch=north&branch=east&since[gte]=2026-01-01&search=eva&sort=-age&columns=age&at=7&other=1');
    assert.deepEqual(query.listQuery(params), { branch: ['north', 'east'], 'since[gte]': '2026-01-01', search: 'eva', sort: '-age', other: '1' });
    const filters = query.filtersOf(definition, params).map(({ parameter, field: one, operator, values }) => [parameter, one?.name, operator, values]);
    assert.deepEqual(filters, [
      ['branch', 'branch', '', ['north', 'east']],
      ['since[gte]', 'since', 'gte', ['2026-01-01']],
      ['other', undefined, '', ['1']],
    ]);
    assert.equal(query.parameterOf(definition, definition.fields[0], ''), 'reference');
    assert.equal(query.parameterOf(definition, definition.fields[2], ''), undefined);
    assert.equal(query.parameterOf(definition, definition.fields[5], 'gte'), undefined);
    assert.deepEqual(query.operatorsOf(definition, definition.fields[0]), ['', 'ne', 'gte', 'lte', 'gt', 'lt']);
    assert.deepEqual(query.operatorsOf(definition, definition.fields[4]), ['gte', 'lte', 'gt', 'lt', 'ne'], 'no equality: the first is no surprise');
    assert.deepEqual(['gte', 'gt', 'lte', 'lt'].map((one) => query.wordsOf(definition.fields[4], one)), ['from', 'after', 'until', 'before']);
    assert.equal(query.wordsOf(definition.fields[2], 'lt'), 'below');
    assert.deepEqual(['', 'ne', 'gt', 'lte'].map((one) => query.wordsOf(definition.fields[2], one)), ['is', 'is not', 'above', 'up to']);
    assert.deepEqual(query.operatorsOf(definition, definition.fields[5]), [], 'an object has no order');
    assert.deepEqual(query.columnsOf(definition, params, null).map(({ name }) => name), ['full_name', 'age']);
  });

  test('console: pressing a column’s name goes up, down, and back to the definition’s order', () => {
    const next = (sort, name) => query.nextSort(definition, new URLSearchParams(sort ? { sort } : {}), name);
    assert.deepEqual([next('', 'age'), next('age', 'age'), next('-age', 'age'), next('-age', 'branch')], ['age', '-age', null, 'branch']);
  });

  test('console: a curl command survives quotes, and holds no token', () => {
    assert.equal(query.curlCommand("http://h/api/x?search=o'b", 'text/csv', false), `curl -H 'Accept: text/csv' 'http://h/api/x?search=o'\\''b'`);
    assert.match(query.curlCommand('http://h/', 'text/csv', true), /"Authorization: Bearer \$SYNCLOG_TOKEN"/);
  });

  test('console: the next page’s cursor is found in the Link header, wherever the server thinks it is', () => {
    assert.equal(source.cursorOf('</api/clients?limit=2&cursor=a%2Bb>; rel="next"'), 'a+b');
    assert.equal(source.cursorOf('<http://x/y?cursor=1>; rel=next'), '1');
    assert.equal(source.cursorOf(null), null);
    assert.equal(source.cursorOf('</x?cursor=1>; rel="prev"'), null);
  });

  // A collection whose rows and pages the test decides.
  function fakeCollection(rows, { first = rows.length } = {}) {
    const known = new Map(rows.map((row) => [row.id, row]));
    let watcher;
    const collection = {
      name: 'clients',
      load: async () => ({ rows: rows.slice(0, first), source: 'backend', asOf: new Date() }),
      watch: (given) => ((watcher = given), () => {}),
      known: (id) => known.get(id) ?? null,
      isUnsent: () => false,
    };
    const change = (id, row, from = 'backend') => {
      if (row) known.set(id, row);
      else known.delete(id);
      watcher.onChange([id], from);
    };
    return { collection, change };
  }
  const info = { search: ['full_name'], order: ['full_name'] };
  const row = (id, full_name, position = 1) => ({ id, full_name, branch: 'north', position });
  const names = (table) => table.state.value.rows.map(({ full_name }) => full_name);
  const loaded = async (table) => {
    while (table.state.value.isFirstLoad) await new Promise((resolve) => setImmediate(resolve));
  };

  test('console: a table takes in what changes, in its place, and lets go of what no longer matches', async () => {
    const { collection, change } = fakeCollection([row('1', 'b'), row('2', 'd')]);
    const table = new source.TableSource(collection, info, { branch: 'north' }, null);
    await loaded(table);
    change('3', row('3', 'c', 2));
    assert.deepEqual(names(table), ['b', 'c', 'd']);
    change('1', row('1', 'e', 3));
    assert.deepEqual(names(table), ['c', 'd', 'e']);
    assert.ok(table.flashes.get('1').fields.has('full_name'));
    change('2', { ...row('2', 'd', 4), branch: 'south' });
    change('3', null);
    assert.deepEqual(names(table), ['e']);
    table.close();
  });

  test('console: new rows of others wait for who has scrolled away, own ones do not', async () => {
    const { collection, change } = fakeCollection([row('1', 'b')]);
    const table = new source.TableSource(collection, info, {}, null);
    await loaded(table);
    table.isAtTop = false;
    change('2', row('2', 'a', 2));
    change('3', row('3', 'c', 3));
    change('3', null);
    assert.deepEqual([names(table), table.state.value.waiting], [['b'], 1]);
    change('4', row('4', 'd', 4), 'local');
    assert.deepEqual(names(table), ['b', 'd']);
    table.showWaiting();
    assert.deepEqual([names(table), table.state.value.waiting], [['a', 'b', 'd'], 0]);
    table.close();
  });

  test('console: pages behind the first join what the stream has told meanwhile', async () => {
    const all = Array.from({ length: 205 }, (_, index) => row(String(index), `n${String(index).padStart(3, '0')}`, 10));
    const { collection, change } = fakeCollection(all, { first: 200 });
    let answer;
    globalThis.fetch = () => new Promise((resolve) => (answer = () => resolve(new Response(JSON.stringify(all), { headers: { 'Content-Type': 'application/json' } }))));
    const table = new source.TableSource(collection, info, {}, null);
    await loaded(table);
    assert.equal(table.state.value.isComplete, false);
    change('500', row('500', 'z', 11)); // behind the last row that was read: it comes with its page
    assert.equal(names(table).length, 200);
    table.want(160, 199);
    while (!answer) await new Promise((resolve) => setImmediate(resolve));
    change('203', row('203', 'n203 changed', 12));
    change('204', null);
    change('501', row('501', 'zz', 13)); // the page was read before this
    answer();
    while (!table.state.value.isComplete) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(names(table).slice(200), ['n200', 'n201', 'n202', 'n203 changed', 'zz']);
    assert.equal(new Set(table.state.value.rows.map(({ id }) => id)).size, 205);
    table.close();
  });

  // A list of the server, in pages, as the table asks for them.
  function serveList(rows, asked) {
    globalThis.fetch = async (url) => {
      const params = new URL(url).searchParams;
      asked.push(params.get('sort'));
      const [from, limit] = [Number(params.get('cursor') ?? 0), Number(params.get('limit'))];
      const list = params.get('sort') === '-full_name' ? [...rows].reverse() : rows;
      const headers = { 'Content-Type': 'application/json' };
      if (from + limit < list.length) headers.Link = `</api/clients?cursor=${from + limit}>; rel="next"`;
      return new Response(JSON.stringify(list.slice(from, from + limit)), { headers });
    };
  }
  const numbered = (count) => Array.from({ length: count }, (_, index) => row(String(index), `n${String(index).padStart(4, '0')}`, 10));

  test('console: the end of a long table is its reverse order read from its beginning, and goes on upwards to the first row', async () => {
    const all = numbered(5_000);
    const { collection, change } = fakeCollection(all, { first: 200 });
    const asked = [];
    serveList(all, asked);
    const table = new source.TableSource(collection, info, {}, null);
    await loaded(table);
    await table.toEnd();
    assert.deepEqual(asked, ['-full_name']);
    assert.deepEqual([names(table).length, names(table)[0], names(table).at(-1)], [2_000, 'n3000', 'n4999']);
    assert.deepEqual([table.state.value.isFromEnd, table.state.value.isComplete], [true, false]);

    table.isAtTop = false;
    change('100', row('100', 'n0100 changed', 11)); // before the rows that are there: it comes with its page
    change('6000', row('6000', 'o', 12));
    change('4000', row('4000', 'n4000 changed', 13));
    assert.deepEqual([names(table).length, names(table)[1_000], table.state.value.waiting], [2_000, 'n4000 changed', 1]);
    table.showWaiting();
    assert.equal(names(table).at(-1), 'o');

    table.want(1_900, 2_000); // nobody is near the upper edge
    assert.equal(asked.length, 1);
    for (let pages = 1; !table.state.value.isComplete; ++pages) {
      assert.ok(pages < 10);
      table.want(0, 40);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(table.state.value.isFromEnd, false);
    assert.deepEqual(names(table).slice(0, 2), ['n0000', 'n0001']);
    assert.equal(names(table)[100], 'n0100 changed');
    assert.equal(new Set(table.state.value.rows.map(({ id }) => id)).size, 5_001);
    assert.deepEqual(names(table), [...names(table)].sort());
    table.close();
  });

  test('console: an end that cannot be read leaves the table as it was, and its pages go on', async () => {
    const all = numbered(2_500);
    const { collection } = fakeCollection(all, { first: 200 });
    const table = new source.TableSource(collection, info, {}, null);
    await loaded(table);
    globalThis.fetch = async () => { throw new TypeError('fetch failed'); };
    await assert.rejects(table.toEnd(), { name: 'UnreachableError' });
    assert.deepEqual([names(table).length, names(table)[0], table.state.value.isFromEnd], [200, 'n0000', false]);
    serveList(all, []);
    table.want(0, 199);
    while (names(table).length === 200) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(names(table).length, 2_000);
    await table.toEnd();
    await table.reload();
    assert.deepEqual([names(table)[0], table.state.value.isFromEnd], ['n0000', false]);
    table.close();
  });

  test('console: the reverse of an order turns every key', () => {
    assert.equal(source.reversedSort(info, {}), '-full_name');
    assert.equal(source.reversedSort(info, { sort: '-date,full_name' }), 'date,-full_name');
    assert.equal(source.reversedSort({}, {}), 'created_at');
  });

  test('console: the stream page says what happened to its stream: gaps, another history, an end, a refusal', async () => {
    const { LiveStream } = await consoleModule('data/live_stream.ts');
    const event = (position, previous) => `id: ${position}-a\ndata: ${JSON.stringify({ type: 'event', position, cursor: `${position}-a`, previous, id: `r${position}` })}\n\n`;
    const named = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    const answers = [
      named('hello', { cursor: '5-a' }) + event(6, 5) + named('caught_up', { cursor: '6-a' }) + event(9, 8) + named('bye', { reason: 'restart', retry_ms: 0 }),
      named('resync', { reason: 'other_history', cursor: '2-b' }),
      null,
    ];
    const asked = [];
    globalThis.fetch = async (url) => {
      asked.push(new URL(url).searchParams.get('after'));
      const text = answers.shift();
      if (!text) return new Response('{"detail":"no such branch"}', { status: 403, headers: { 'Content-Type': 'application/problem+json' } });
      return new Response(text, { headers: { 'Content-Type': 'text/event-stream' } });
    };
    const seen = [];
    await new Promise((resolve) => {
      new LiveStream(new URLSearchParams(), '5', {
        onEvents: (events) => seen.push(...events.map(({ position }) => position)),
        onMarker: (marker) => {
          seen.push(marker.kind);
          if (marker.kind === 'gap') assert.deepEqual([marker.from, marker.to], [6, 8]);
          if (marker.kind === 'refused') resolve(assert.equal(marker.detail, 'no such branch'));
        },
        onState: () => {},
      });
    });
    assert.deepEqual(seen, ['hello', 6, 'caught up', 'gap', 9, 'bye', 'lost', 'resync', 'lost', 'refused']);
    assert.deepEqual(asked, ['5', '9-a', '2-b']);
  });

  test('console: a name that is taken out of an object’s text is taken out of the object, and no others are touched', () => {
    const data = { a: 1, b: { c: 1, d: 2 }, e: 3 };
    const draft = new drafts.RecordDraft(definition, { id: '1', full_name: 'A', data });
    const text = definition.fields.find(({ name }) => name === 'data');
    const write = (value) => draft.set(text, JSON.stringify(value));
    write({ a: 1, b: { c: 1 }, e: 4 });
    assert.deepEqual(draft.fields(false), { data: { b: { d: null }, e: 4 } });
    assert.deepEqual(draft.fields(true), { full_name: 'A', data: { a: 1, b: { c: 1 }, e: 4 } });
    write({});
    assert.deepEqual(draft.fields(false), { data: { a: null, b: null, e: null } });
    write(data);
    assert.deepEqual(draft.fields(false), {}, 'only written otherwise');
    draft.set(text, '');
    assert.deepEqual(draft.fields(false), { data: null });
    const none = new drafts.RecordDraft(definition, { id: '1', full_name: 'A', data: null });
    none.set(text, '{"a":1}');
    assert.deepEqual(none.fields(false), { data: { a: 1 } });
  });

  test('console: a form takes over what others change, and shows what they change under somebody’s fingers', () => {
    const draft = new drafts.RecordDraft(definition, { id: '1', full_name: 'A', age: 3, branch: 'north' });
    const [, name, age] = definition.fields;
    draft.set(name, 'B');
    draft.noteCurrent({ id: '1', full_name: 'C', age: 4, branch: 'north' });
    assert.equal(draft.texts.value.age, '4');
    assert.equal(draft.texts.value.full_name, 'B');
    assert.deepEqual(draft.theirs.value, { full_name: 'C' });
    assert.ok(draft.hasConflicts);
    draft.keepMine(name);
    assert.deepEqual(draft.fields(false), { full_name: 'B' });
    draft.set(age, '');
    assert.deepEqual(draft.fields(false), { full_name: 'B', age: null });
    draft.refuse([{ pointer: '/full_name', detail: 'is taken' }, { pointer: '/data/a/b', detail: 'is odd' }, { pointer: '', detail: 'no' }], 'x');
    assert.deepEqual(draft.errors.value, { full_name: 'is taken', data: 'a › b: is odd' });
    assert.deepEqual(draft.general.value, ['no']);
  });
});
