// JSON Schema: what definitions say of the inside of a field, by the draft 4 suite and by an independent validator; and the
// published schemas of records against what the server takes and answers. SYNCLOG_TEST_SEED repeats random records.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import Ajv2020 from 'ajv/dist/2020.js';
import Ajv4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import { seeded } from '../web/support/random.mjs';
import { forgiven, looserSchema, schemaDiffers, schemaKeywordsRefused } from './exceptions.mjs';
import { draft4Suite, keywordsOf, withNumbers } from './draft4_suite.mjs';
import { randomRecord } from './random_records.mjs';
import { get, holdAgainst, post, serverForAll } from './support.mjs';

const run = promisify(execFile);
const groups = draft4Suite();
const isRefused = ({ schema }) => keywordsOf(schema).some((keyword) => Object.hasOwn(schemaKeywordsRefused, keyword));
const checked = groups.filter((group) => !isRefused(group));

// One entity a file of the suite, one field a group; the schema stands for the member `value` of the field.
function definitionOf(file, its) {
  const fields = its.map(({ field, schema }) => [field, { type: 'object', properties: { value: schema } }]);
  return { title: file, type: 'object', additionalProperties: false, 'x-table': `draft4_${file}`, 'x-prefix': 'D4', properties: Object.fromEntries(fields) };
}

let folder;
after(() => folder && rm(folder, { recursive: true, force: true }));
const shared = serverForAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-draft4-'));
  await mkdir(path.join(folder, 'entities'));
  for (const file of new Set(checked.map((group) => group.file))) {
    const definition = definitionOf(file, checked.filter((group) => group.file === file));
    await writeFile(path.join(folder, 'entities', `draft4-${file}.json`), withNumbers(JSON.stringify(definition)));
  }
  return { arguments: ['--entities', path.join(folder, 'entities')] };
});

// Whether the server takes each value as the member `value` of the group's field.
async function verdictsOf({ file, field }, values) {
  const items = values.map((value) => ({ [field]: { value } }));
  const answer = await post(shared.server, `/api/draft4-${file}?dry_run=true`, withNumbers(JSON.stringify(items)));
  assert.ok(answer.status < 500 && answer.status !== 400, answer.text);
  return answer.json().results.map(({ status }) => status !== 'rejected');
}

describe('JSON Schema draft 4', () => {
  test('the suite has the groups that are expected of it', () => {
    assert.equal(groups.length, 89);
    assert.ok(checked.length >= 50, `${checked.length}`);
  });

  test('each case has the verdict of the suite, but for listed exceptions', async () => {
    const cases = new Map();
    for (const group of checked) {
      const verdicts = await verdictsOf(group, group.tests.map(({ data }) => data));
      group.tests.forEach(({ description, valid }, at) => cases.set(`${group.file}: ${group.description}: ${description}`, verdicts[at] === valid));
    }
    await holdAgainst([...cases.keys()], schemaDiffers, (name) => cases.get(name));
  });

  test('an independent validator has the same verdict on every value of the suite', async () => {
    const values = [...new Map(groups.flatMap(({ tests }) => tests.map(({ data }) => [JSON.stringify(data), data]))).values()];
    const differing = [];
    for (const group of checked) {
      if (JSON.stringify(group).includes('@number:')) continue; // JavaScript has one kind of number
      const validate = new Ajv4({ strict: false, validateFormats: false }).compile(group.schema);
      const plain = values.filter((value) => !JSON.stringify(value).includes('@number:'));
      const verdicts = await verdictsOf(group, plain);
      plain.forEach((value, at) => {
        if (verdicts[at] !== validate(value)) differing.push(`${group.file}: ${group.description}: ${JSON.stringify(value)} is ${verdicts[at] ? '' : 'not '}taken`);
      });
    }
    assert.deepEqual(differing, []);
  });

  test('a definition with a keyword that is not checked is refused, and the keyword is named', async () => {
    const refused = groups.filter(isRefused);
    const seen = new Set();
    for (const [at, group] of refused.entries()) {
      const place = path.join(folder, `refused-${at}`);
      await mkdir(place);
      await writeFile(path.join(place, 'draft4-refused.json'), withNumbers(JSON.stringify(definitionOf('refused', [group]))));
      const [program, parameters, options] = shared.server.command(['serve', '--entities', place]);
      const ended = await run(program, parameters, { ...options, timeout: 30_000 }).then(() => ({ code: 0 }), (error) => error);
      assert.ok(ended.code > 0, `${group.file}: ${group.description}: ${ended.code}`);
      const keywords = keywordsOf(group.schema).filter((keyword) => Object.hasOwn(schemaKeywordsRefused, keyword));
      const named = keywords.find((keyword) => `${ended.stderr}${ended.stdout}`.includes(keyword));
      assert.ok(named, `${group.file}: ${group.description}: ${ended.stderr}`);
      keywords.forEach((keyword) => seen.add(keyword));
    }
    assert.deepEqual([...seen].sort(), Object.keys(schemaKeywordsRefused).sort(), 'keywords that are listed and used');
  });
});

describe('published schemas', () => {
  const records = 400; // an entity
  const seed = process.env.SYNCLOG_TEST_SEED ? Number(process.env.SYNCLOG_TEST_SEED) : Math.floor(Math.random() * 2 ** 30);

  test(`what a schema takes the server takes, and what the server answers a schema takes (seed ${seed})`, async () => {
    const document = (await get(shared.server, '/openapi.json')).json();
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats(ajv);
    ajv.addSchema(document, 'openapi.json');
    const validator = (name) => ajv.getSchema(`openapi.json#/components/schemas/${name}`);
    const names = Object.keys(document.components.schemas).filter((name) => name.startsWith('input.') && !name.startsWith('input.draft4')).map((name) => name.slice('input.'.length));
    assert.equal(names.length, 8);
    const random = seeded(seed);
    const tally = { both: 0, neither: 0, forgiven: 0, looser: 0 };
    for (const name of names) {
      const [takesInput, takesRecord] = [validator(`input.${name}`), validator(`record.${name}`)];
      const definition = document.components.schemas[`record.${name}`]['x-definition'];
      const sent = Array.from({ length: records }, (_, at) => randomRecord(definition, random, `${name}-${at}`));
      const answer = await post(shared.server, `/api/${name}`, JSON.stringify(sent), { Prefer: 'return=representation' });
      assert.ok(answer.status < 300 || answer.status === 422, answer.text.slice(0, 500));
      for (const [at, result] of answer.json().results.entries()) {
        const taken = result.status !== 'rejected';
        const input = sent[at];
        const explain = () => `${name} ${JSON.stringify(input)}: ${JSON.stringify(result)} ${JSON.stringify(takesInput.errors)}`;
        if (taken) assert.ok(takesRecord(result.record), `${explain()} ${JSON.stringify(takesRecord.errors)}`);
        const complete = (definition.required ?? []).every((field) => input[field] !== undefined && input[field] !== null);
        const wanted = takesInput(input) && complete;
        if (taken === wanted) {
          ++tally[taken ? 'both' : 'neither'];
        } else if (taken) {
          // More than the schema says, where the server is forgiving: each field that fails is so for a listed reason.
          for (const error of takesInput.errors ?? []) {
            const field = error.instancePath.split('/')[1];
            const property = definition.properties[field];
            assert.ok(forgiven.some(({ is }) => is(property, input[field], field)), explain());
          }
          ++tally.forgiven;
        } else {
          // Less than the schema says: each refused field is so for a listed reason.
          for (const { pointer } of result.errors) {
            const field = pointer.split('/').pop();
            assert.ok(looserSchema.some(({ is }) => is(definition.properties[field], input[field])), explain());
          }
          ++tally.looser;
        }
      }
    }
    for (const [what, count] of Object.entries(tally)) assert.ok(count > 0, `no record was ${what}: ${JSON.stringify(tally)}`);
  });
});
