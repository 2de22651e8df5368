// The Audit page and the API reference in Chromium, over a real server.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { consoleModule } from './support/console_module.mjs';
import { ConsolePage, narrow, wide } from './support/console_page.mjs';
import { webTest } from './support/web_test.mjs';

// The private key that the server signs with, as `openssl genpkey` writes it.
async function keyFile(scope) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-key-'));
  scope.keep({ close: () => rm(folder, { recursive: true, force: true }) });
  const file = path.join(folder, 'key.pem');
  await writeFile(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return file;
}

// Of a page in every form that people have it: what axe finds serious, and a picture to look at.
async function examine(tab, name) {
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await tab.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [size, viewport] of Object.entries({ wide, narrow })) {
      await tab.page.setViewportSize(viewport);
      await tab.screenshot(`${name}-${size}-${colorScheme}`);
      for (const finding of await tab.serious()) found.push(`${name} ${size} ${colorScheme}: ${finding}`);
    }
  }
  await tab.page.setViewportSize(wide);
  return found;
}

export function consoleAuditTests() {
  test('reference: a call is made of what was filled in, and as a command it holds no token and survives a shell', async () => {
    const { callOf, curlOf, keyOf } = await consoleModule('docs/call.ts');
    const operation = {
      method: 'PATCH',
      path: '/api/clients/{id}',
      parameters: [
        { name: 'id', in: 'path', required: true },
        { name: 'branch', in: 'query', schema: { type: 'array' } },
        { name: 'dry_run', in: 'query' },
        { name: 'If-Match', in: 'header' },
      ],
      body: { 'application/json': {} },
    };
    const call = callOf(operation, {
      values: { [keyOf('path', 'id')]: 'A/1', [keyOf('query', 'branch')]: 'north, south', [keyOf('header', 'If-Match')]: '"3"' },
      accept: 'application/json',
      bodyType: 'application/json',
      body: `{"name":"O'Neill"}`,
      token: 'slk_secret',
    });
    assert.equal(call.url, 'http://console.test/api/clients/A%2F1?branch=north&branch=south');
    assert.deepEqual(call.headers, { 'If-Match': '"3"', Accept: 'application/json', Authorization: 'Bearer slk_secret', 'Content-Type': 'application/json' });
    const command = curlOf(call);
    assert.ok(!command.includes('slk_secret'));
    assert.ok(command.startsWith('curl -X PATCH '));
    assert.ok(command.includes(`--data-binary '{"name":"O'\\''Neill"}'`), command);
    assert.ok(command.endsWith(`'${call.url}'`));
  });

  test('reference: types are said in words, examples have what must be there, and circles end', async () => {
    const { exampleOf, readReference, typeText } = await consoleModule('docs/document.ts');
    const item = { type: 'object', properties: { next: { $ref: '#/components/schemas/item' }, many: { type: 'array', items: { $ref: '#/components/schemas/item' } } } };
    const input = {
      type: 'object',
      'x-required-to-create': ['full_name'],
      properties: {
        id: { type: 'string' },
        full_name: { type: ['string', 'null'], maxLength: 10 },
        born: { type: ['string', 'null'], format: 'date' },
        state: { enum: ['open', 'shut'] },
        item: { $ref: '#/components/schemas/item' },
      },
    };
    const reference = readReference({
      info: { title: 'T', version: '1' },
      tags: [{ name: 'b', description: 'B' }],
      paths: { '/a': { get: { operationId: 'get_a', tags: ['a'], responses: {} } }, '/b': { put: { operationId: 'put_b', tags: ['b'], responses: {} } } },
      components: { schemas: { item, input } },
    });
    assert.deepEqual(reference.groups.map(({ name }) => name), ['b', 'a']);
    const example = exampleOf({ oneOf: [{ $ref: '#/components/schemas/input' }] }, reference);
    assert.equal(example.full_name, 'text');
    assert.match(example.born, /^\d{4}-\d{2}-\d{2}$/);
    assert.equal(example.state, 'open');
    assert.ok(!('id' in example));
    assert.deepEqual(example.item.many, []);
    assert.equal(typeText(input.properties.full_name), 'string at most 10 characters or null');
    assert.equal(typeText(input.properties.born), 'string, date or null');
    assert.equal(typeText({ type: 'array', items: { $ref: '#/components/schemas/record.clients' } }), 'array of clients');
  });

  webTest('audit: verifies, makes a checkpoint and holds one against the log', async (scope) => {
    const server = await scope.server({ arguments: ['--checkpoint-key', await keyFile(scope)] });
    await server.save('clients', { id: 'CLT-1', full_name: 'One', branch: 'north' });
    const tab = await ConsolePage.open(await scope.otherBrowser(), `${server.origin}/`, '#/audit');
    const { page } = tab;
    await page.getByRole('button', { name: 'Verify now' }).click();
    await page.getByText('Everything agrees: 1 event').waitFor();

    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Make a checkpoint' }).click()]);
    assert.equal(file.suggestedFilename(), 'checkpoint-1.json');
    const checkpoint = await readFile(await file.path());
    await server.save('clients', { id: 'CLT-2', full_name: 'Two', branch: 'north' });
    const choose = page.locator('input[type=file]');
    await choose.setInputFiles({ name: 'kept.json', mimeType: 'application/json', buffer: checkpoint });
    await page.getByText("signed by this server's key").waitFor();
    const forged = checkpoint.toString('utf8').replace('"position":1', '"position":2');
    await choose.setInputFiles({ name: 'forged.json', mimeType: 'application/json', buffer: Buffer.from(forged) });
    await page.getByText('the signature does not fit').waitFor();
    await choose.setInputFiles({ name: 'other.json', mimeType: 'application/json', buffer: Buffer.from('{"a":1}') });
    await page.getByText('This is no checkpoint').waitFor();
    tab.assertClean({ network: true }); // the answer 400
  });

  webTest('audit: a server without a key says how to get one instead of offering a button that fails', async (scope) => {
    const server = await scope.server();
    await server.save('clients', { id: 'CLT-1', full_name: 'One', branch: 'north' });
    const tab = await ConsolePage.open(await scope.otherBrowser(), `${server.origin}/`, '#/audit');
    await tab.page.getByText('synclog serve --checkpoint-key private.pem').waitFor();
    assert.equal(await tab.page.getByRole('button', { name: 'Make a checkpoint' }).count(), 0);
    assert.deepEqual(await examine(tab, 'audit-no-key'), []);
    tab.assertClean();
  });

  webTest('audit: finds who did what by branch and request, and undoes a selection after showing it', async (scope) => {
    const server = await scope.server();
    await server.save('clients', { id: 'CLT-1', full_name: 'Right', branch: 'north' });
    const bad = [{ id: 'CLT-1', full_name: 'Wrong' }, { id: 'CLT-2', full_name: 'Wrong too', branch: 'south' }];
    const imported = await server.request('POST', '/api/clients', { body: bad, headers: { 'X-Request-Id': 'bad-import' } });
    assert.equal(imported.status, 200);
    const tab = await ConsolePage.open(await scope.otherBrowser(), `${server.origin}/`, '#/audit');
    const { page } = tab;
    const rows = page.locator('table tbody tr');
    await page.getByText('3 events, all there are').waitFor();
    await page.getByLabel('Branch').fill('south');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('1 event, all there are').waitFor();
    assert.match(page.url(), /branch=south/);
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('3 events, all there are').waitFor();

    await rows.first().getByRole('link', { name: 'bad-import' }).click();
    await page.getByText('2 events, all there are').waitFor();
    await page.getByRole('button', { name: 'Undo these…' }).click();
    await page.getByText('1 record will be removed again, 1 record set back').waitFor();
    await page.getByRole('dialog').locator('del', { hasText: 'Wrong' }).waitFor();
    const found = await examine(tab, 'audit-undo');
    assert.equal((await server.log()).length, 3);
    await page.getByRole('button', { name: 'Undo 2 records' }).click();
    await page.getByText('1 record removed again, 1 record set back').first().waitFor();
    const events = await server.log();
    assert.equal(events.length, 5);
    assert.equal((await (await server.request('GET', '/api/clients/CLT-1')).json()).full_name, 'Right');
    await page.getByRole('link', { name: 'The new events' }).click();
    await page.getByText('2 events, all there are').waitFor();
    await page.getByRole('button', { name: 'Verify now' }).click();
    await page.getByText('Everything agrees: 5 events').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('5 events, all there are').waitFor();
    assert.deepEqual([...found, ...(await examine(tab, 'audit'))], []);
    tab.assertClean();
  });

  webTest('reference: every operation is there, one is found, tried, and copied as curl', async (scope) => {
    const server = await scope.server();
    const tab = await ConsolePage.open(await scope.otherBrowser(), `${server.origin}/`, 'docs');
    const { page } = tab;
    const document = await (await server.request('GET', '/openapi.json')).json();
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    assert.equal(await page.locator('.operation').count(), operations.length);

    await page.getByLabel('Find an operation').fill('clients save');
    await page.locator('.operation-head', { hasText: 'POST' }).click();
    const body = page.locator('.operation textarea');
    const example = JSON.parse(await body.inputValue());
    assert.equal(typeof example.full_name, 'string');
    await body.fill(JSON.stringify({ id: 'CLT-docs', full_name: "O'Neill <b>" }));
    await page.getByRole('button', { name: 'Send POST' }).click();
    await page.locator('.answer').getByText('201').waitFor();
    await page.locator('.answer pre').getByText("O'Neill <b>").waitFor();
    assert.deepEqual(await examine(tab, 'docs'), []);
    // The same operation again, and again: of each call the answer to that call.
    await body.fill('{');
    await page.getByRole('button', { name: 'Send POST' }).click();
    await page.locator('.answer .badge', { hasText: /^4/ }).waitFor();
    assert.equal(await page.locator('.answer pre').getByText("O'Neill <b>").count(), 0);
    await body.fill(JSON.stringify({ id: 'CLT-docs-2', full_name: 'The third call' }));
    await page.getByRole('button', { name: 'Send POST' }).click();
    await page.locator('.answer pre').getByText('The third call').waitFor();
    await page.route('**/api/clients', (route) => route.abort());
    await page.getByRole('button', { name: 'Send POST' }).click();
    await page.locator('.answer').getByText('No answer').waitFor();
    assert.equal(await page.locator('.answer pre').count(), 0);
    await page.unroute('**/api/clients');
    tab.networkErrors.length = 0; // those were meant

    await page.goto(`${server.origin}/docs#list_events`);
    const operation = page.locator('.operation', { has: page.locator('code', { hasText: /^\/api\/events$/ }) });
    await operation.getByLabel('resource').fill('clients');
    await operation.getByLabel('Answer as').selectOption('text/event-stream');
    await operation.getByLabel('after').fill('0');
    await operation.getByRole('button', { name: 'Try it' }).click();
    await operation.locator('.answer pre').getByText('CLT-docs').waitFor();
    await operation.getByRole('button', { name: 'Stop' }).click();
    await operation.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
    tab.assertClean();
  });

  webTest('audit: a table as it was is opened from here', async (scope) => {
    const server = await scope.server();
    await server.save('clients', { id: 'CLT-1', full_name: 'Before', branch: 'north' });
    const tab = await ConsolePage.open(await scope.otherBrowser(), `${server.origin}/`, '#/audit');
    const { page } = tab;
    await page.getByLabel('Table', { exact: true }).first().selectOption('clients');
    await page.getByRole('button', { name: 'Show the table' }).click();
    await page.waitForFunction(() => location.hash.startsWith('#/t/clients?at='));
    await tab.ready();
    tab.assertClean();
  });
}
