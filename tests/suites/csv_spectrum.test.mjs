// csv-spectrum through the import: an entity whose every column goes into one object, so that the rows can be compared.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { csvDiffers } from './exceptions.mjs';
import { holdAgainst, post, serverForAll } from './support.mjs';

const suite = path.dirname(createRequire(import.meta.url).resolve('csv-spectrum'));
const definition = {
  title: 'Rows',
  type: 'object',
  additionalProperties: false,
  'x-table': 'rows',
  'x-prefix': 'ROW',
  properties: { data: { type: 'object' } },
  'x-rest': 'data',
};

let folder;
after(() => folder && rm(folder, { recursive: true, force: true }));
const shared = serverForAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-rows-'));
  await writeFile(path.join(folder, 'rows.json'), JSON.stringify(definition));
  return { arguments: ['--entities', folder] };
});

describe('csv-spectrum', () => {
  test('each file is read as the suite has it, but for listed exceptions', async () => {
    const names = (await readdir(path.join(suite, 'csvs'))).map((file) => path.basename(file, '.csv'));
    assert.ok(names.length >= 12, `${names.length}`);
    await holdAgainst(names, csvDiffers, async (name) => {
      const file = await readFile(path.join(suite, 'csvs', `${name}.csv`));
      const expected = JSON.parse(await readFile(path.join(suite, 'json', `${name}.json`), 'utf8'));
      const answer = await post(shared.server, '/api/rows', file, { 'Content-Type': 'text/csv', Prefer: 'return=representation' });
      assert.ok(answer.status < 500, `${name}: ${answer.text}`);
      const rows = answer.json().results.map(({ record }) => record?.data);
      return JSON.stringify(rows) === JSON.stringify(expected);
    });
  });
});
