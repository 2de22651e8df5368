// The import wizard in Chromium, from the file on the disk to the records, and back.
import assert from 'node:assert/strict';
import { open as openFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { assertNoErrors, consoleSetUp, lookAt, openConsole, textOf, untilPage } from './support/console_looks.mjs';
import { distributorColumns, distributorFile, utf16 } from './support/csv_files.mjs';
import { webTest } from './support/web_test.mjs';

async function folderOf(scope) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-csv-'));
  scope.keep({ close: () => rm(folder, { recursive: true, force: true }) });
  return async (name, content) => {
    const file = path.join(folder, name);
    await writeFile(file, content);
    return file;
  };
}

async function setUp(scope, options) {
  const { server, host } = await consoleSetUp(scope, options);
  const page = await openConsole(await scope.otherBrowser(), host, '#/import');
  await page.waitForSelector('.drop-zone');
  return { server, host, page, fileNamed: await folderOf(scope) };
}

const choose = (page, file) => page.setInputFiles('input[type=file]', file);
const press = (page, name) => page.getByRole('button', { name, exact: false }).click();
const counts = async (page) => JSON.parse(await page.locator('.counted').getAttribute('data-counts'));
const heading = (page, text) => page.getByRole('heading', { name: text }).waitFor();

export function consoleImportTests() {
  webTest('console import: the distributor file is found, checked, saved with its broken rows reported, and undone', async (scope) => {
    const { server, page, fileNamed } = await setUp(scope);
    await lookAt(page, 'import-1-file', { small: true });
    await choose(page, await fileNamed('distributors.csv', distributorFile({ rows: 1_500, broken: [17, 1_200] })));
    await page.getByText('apart by semicolons').waitFor();
    const found = await textOf(page);
    assert.match(found, /1,502/);
    assert.match(found, /45 further columns are kept as they are in Agreement data/);
    await lookAt(page, 'import-2-columns', { small: true });

    await press(page, 'Check with the server');
    await heading(page, 'What would become of the rows');
    assert.deepEqual(await counts(page), { rows: 1_502, created: 1_498, updated: 0, unchanged: 0, rejected: 4 });
    assert.deepEqual(await (await server.request('GET', '/api/distributors?limit=1')).json(), [], 'nothing is saved by the check');
    const lines = await page.locator('.import-rejects tbody tr').evaluateAll((rows) => rows.map((row) => row.cells[0].innerText));
    assert.deepEqual(lines, ['18', '19', '1,202', '1,203']);
    await lookAt(page, 'import-3-check');

    await press(page, 'Save the 1,498 good rows');
    await heading(page, /^Saved$/);
    assert.deepEqual(await counts(page), { rows: 1_502, created: 1_498, updated: 0, unchanged: 0, rejected: 4 });
    await lookAt(page, 'import-4-saved', { small: true });
    const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Download rejects.csv')]);
    assert.equal(download.suggestedFilename(), 'rejects.csv');
    const rejects = (await readFile(await download.path(), 'utf8')).split('\r\n');
    assert.equal(rejects[0].replace('\ufeff', ''), `rejected_line;rejected_because;${distributorColumns.join(';')}`);
    assert.match(rejects[1], /^18;"has \d+ fields where the header has 51";D17;/);
    const saved = await (await server.request('GET', '/api/distributors?code=D7')).json();
    assert.equal(saved[0].distributor_name, 'Ann "7" Other');
    assert.equal(saved[0].branch, 'north');

    // Others work on: what they changed is left alone by the undo.
    await server.save('distributors', { id: saved[0].id, mobile_no: '0899' });
    await press(page, 'Undo this import');
    await page.getByRole('dialog').getByText('1,497 records will be removed again, 1 changed again since and left alone').waitFor();
    await lookAt(page, 'import-5-undo');
    await page.getByRole('dialog').getByRole('button', { name: 'Undo 1,497 records' }).click();
    await page.getByRole('dialog').getByText('1,497 records removed again').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('This import is undone.').waitFor();
    const left = await (await server.request('GET', '/api/distributors')).json();
    assert.deepEqual(left.map(({ distributor_code }) => distributor_code), ['D7']);
    assertNoErrors(page);
  });

  webTest('console import: a corrected file of rejected rows is imported as it is', async (scope) => {
    const { server, page, fileNamed } = await setUp(scope);
    const corrected = 'rejected_line;rejected_because;full_name;city\r\n7;"full_name: is required";Ann Other;Here\r\n';
    await choose(page, await fileNamed('rejects.csv', corrected));
    await press(page, 'Check with the server');
    await press(page, 'Save 1 row');
    await heading(page, /^Saved$/);
    const [one] = await (await server.request('GET', '/api/clients')).json();
    assert.deepEqual([one.full_name, one.city, one.data], ['Ann Other', 'Here', null]);
    assertNoErrors(page);
  });

  webTest('console import: the wrong kind of file is said to be one before anything is sent', async (scope) => {
    const { server, page, fileNamed } = await setUp(scope);
    const wrong = [
      ['book.xlsx', Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 6, 0, 8, 0]), /Excel workbook.*Save as/],
      ['paper.pdf', '%PDF-1.7\n', /This is a PDF/],
      ['empty.csv', '', /The file is empty/],
      ['header.csv', 'full_name,city\n', /column names and no rows/],
      ['random.csv', Buffer.from(Array.from({ length: 9_000 }, (_, n) => (n * 7919) % 251)), /no text|no table|no column names|not column names/],
    ];
    const before = await server.head();
    for (const [name, content, expected] of wrong) {
      await choose(page, await fileNamed(name, content));
      await untilPage(`${name} is refused`, page, async () => expected.test(await textOf(page, '.import-file')), { describe: () => name });
    }
    await lookAt(page, 'import-wrong-kind');
    await choose(page, await fileNamed('strangers.csv', 'X,Y\n1,2\n'));
    await page.getByText('None of the 2 columns is a field of').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Check with the server' }).isDisabled(), true);
    // Said by hand which column is which.
    await page.getByLabel('Table').selectOption('clients');
    await page.getByLabel('X goes to').selectOption('full_name');
    await press(page, 'Check with the server');
    await heading(page, 'What would become of the rows');
    assert.equal((await counts(page)).created, 1);
    assert.equal(await server.head(), before);
    assertNoErrors(page);
  });

  webTest('console import: UTF-16 and Latin-1 are found, and another encoding can be chosen', async (scope) => {
    const { server, page, fileNamed } = await setUp(scope);
    const text = 'full_name;city\r\nÜmit Çağlar;İzmir\r\n';
    const cases = [
      ['wide.csv', utf16(text), 'utf-16le', 'byte order mark', 'Ümit Çağlar'],
      ['latin.csv', Buffer.from('full_name;city\r\nÞór Ægisson;Þórshöfn\r\n', 'latin1'), 'windows-1252', 'not UTF-8', 'Þór Ægisson'],
    ];
    for (const [name, bytes, encoding, because, who] of cases) {
      await choose(page, await fileNamed(name, bytes));
      await page.getByText(because).waitFor();
      assert.equal(await page.getByLabel('Encoding').inputValue(), encoding);
      await page.getByRole('cell', { name: who }).first().waitFor();
      await press(page, 'Check with the server');
      await press(page, 'Save 1 row');
      await heading(page, /^Saved$/);
      assert.equal((await (await server.request('GET', `/api/clients?search=${encodeURIComponent(who)}`)).json()).length, 1);
      await page.getByRole('button', { name: 'Another file' }).first().click();
    }
    await choose(page, await fileNamed('latin2.csv', cases[1][1]));
    await page.getByLabel('Encoding').selectOption('utf-8');
    await page.getByText('as you chose').waitFor();
    assertNoErrors(page);
  });

  webTest('console import: a file of 100 MB is read, its check is cancelled, and the page stays alive', async (scope) => {
    const { server, page, fileNamed } = await setUp(scope);
    const file = await fileNamed('large.csv', '');
    const handle = await openFile(file, 'a');
    const row = `Somebody with a name,081 234 567,Here,${'note '.repeat(24)}\n`;
    const part = row.repeat(6_000);
    await handle.write('full_name,phone,city,NOTES\n');
    let rows = 0;
    for (let bytes = 0; bytes < 100 * 1024 * 1024; bytes += part.length, rows += 6_000) await handle.write(part);
    await handle.close();
    await choose(page, file);
    await page.getByText(rows.toLocaleString('en-US'), { exact: true }).waitFor();
    const heap = await page.evaluate(() => performance.memory.usedJSHeapSize);
    assert.ok(heap < 80 * 1024 * 1024, `${heap} bytes are used`);
    await press(page, 'Check with the server');
    await untilPage('two chunks are checked', page, async () => (await counts(page)).rows >= 20_000);
    await press(page, 'Cancel');
    await heading(page, 'The check was not finished');
    assert.ok((await counts(page)).rows < rows);
    assert.deepEqual(await (await server.request('GET', '/api/clients?limit=1')).json(), []);
    assertNoErrors(page);
  });

  webTest('console import: the server dies in the middle, the import goes on by itself; cancelled, it says what is saved and goes on later', async (scope) => {
    const { server, host, page, fileNamed } = await setUp(scope);
    const file = await fileNamed('distributors.csv', distributorFile({ rows: 5_000 }));
    await choose(page, file);
    await press(page, 'Check with the server');
    await page.getByRole('button', { name: 'Save 5,000 rows' }).waitFor(); // the check's own requests are not counted
    let requests = 0;
    await page.route(/api\/distributors\?/, async (route) => {
      if (++requests === 3) await server.kill9();
      await route.continue();
    });
    await press(page, 'Save 5,000 rows');
    await page.getByText('It goes on by itself when it can').waitFor();
    await lookAt(page, 'import-waiting');
    await server.start();
    await heading(page, /^Saved$/);
    assert.deepEqual(await counts(page), { rows: 5_000, created: 5_000, updated: 0, unchanged: 0, rejected: 0 });
    assert.equal((await server.log()).length, 5_000, 'every row once');

    // Cancelled, the page closed, the same file again.
    await page.unroute(/api\/distributors\?/);
    await page.getByRole('button', { name: 'Another file' }).first().click();
    await choose(page, await fileNamed('more.csv', distributorFile({ rows: 5_000, first: 20_000 })));
    await press(page, 'Check with the server');
    await page.getByRole('button', { name: 'Save 5,000 rows' }).waitFor();
    requests = 0;
    let release;
    await page.route(/api\/distributors\?/, async (route) => {
      if (++requests === 2) await new Promise((resolve) => (release = resolve));
      await route.continue();
    });
    await press(page, 'Save 5,000 rows');
    await untilPage('the second chunk is on its way', page, () => release);
    await press(page, 'Cancel');
    release();
    await heading(page, 'Stopped');
    const { created } = await counts(page);
    assert.equal((await server.log()).length, 5_000 + created);
    await lookAt(page, 'import-stopped');
    await page.unroute(/api\/distributors\?/);
    await page.reload();
    await page.waitForSelector('.drop-zone');
    const again = await openConsole(page.context(), host, '#/import');
    await choose(again, path.join(path.dirname(file), 'more.csv'));
    await press(again, 'Go on after line');
    await heading(again, /^Saved$/);
    assert.equal((await counts(again)).created, 5_000);
    assert.equal((await server.log()).length, 10_000);
    assertNoErrors(page, again);
  });
}
