// The console in Chromium, as people use it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ConsoleHost } from './support/console_host.mjs';
import { ConsolePage, narrow, wide } from './support/console_page.mjs';
import { naughty } from './support/naughty.mjs';
import { until } from './support/wait.mjs';
import { webTest } from './support/web_test.mjs';

const branches = ['north', 'south', 'east'];

async function setUp(scope, options = {}) {
  const server = await scope.server(options);
  const host = scope.keep(await ConsoleHost.start(server, { prefix: '/branch/console/' }));
  const browser = await scope.otherBrowser();
  const open = (hash, more) => ConsolePage.open(browser, host.url, hash, more);
  return { server, host, browser, open };
}

async function seed(server, count = 40) {
  const clients = Array.from({ length: count }, (_, index) => ({
    id: `CLT-${String(index + 1).padStart(3, '0')}`, // the order of those that are saved at once
    reference_number: `R${1000 + index}`,
    full_name: `Client ${String(index + 1).padStart(3, '0')}`,
    phone: `08${10_000_000 + index * 37}`,
    email: `client${index + 1}@example.org`,
    gender: index % 2 ? 'female' : 'male',
    date_of_birth: `19${60 + (index % 40)}-0${1 + (index % 9)}-1${index % 9}`,
    city: ['Bangkok', 'Chiang Mai', 'Khon Kaen'][index % 3],
    branch: branches[index % branches.length],
    data: index % 5 ? null : { allergies: ['none'], height: 160 + index },
  }));
  const answer = await server.request('POST', '/api/clients', { body: clients });
  assert.equal(answer.status, 200, await answer.text());
}

const title = (tab, text) => tab.page.getByRole('heading', { level: 1, name: text, exact: true }).waitFor();
const fieldOf = (tab, label) => tab.page.getByRole('dialog').getByLabel(label, { exact: false });
const press = (tab, name) => tab.page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
// The form is done with.
async function save(tab, name) {
  await press(tab, name);
  await tab.page.getByRole('dialog').waitFor({ state: 'detached' });
}

export function consoleTests() {
  webTest('console: every page opens without an error, and axe finds nothing serious, light and dark, wide and narrow', async (scope) => {
    const { server, open } = await setUp(scope);
    await seed(server);
    await server.request('PATCH', '/api/clients/CLT-007', { body: { phone: '0899999999', city: 'Phuket' } });
    await server.request('PATCH', '/api/clients/CLT-007', { body: { notes: undefined, gender: 'other' } });
    const pages = {
      overview: '#/',
      tables: '#/t',
      table: '#/t/clients?branch=north&sort=full_name',
      record: '#/t/clients/CLT-007',
      'record-past': '#/t/clients/CLT-007?version=1',
      stream: '#/stream',
      empty: '#/t/campaigns',
    };
    const tab = await open('#/');
    const found = [];
    for (const colorScheme of ['light', 'dark']) {
      await tab.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const [size, viewport] of Object.entries({ wide, narrow })) {
        await tab.page.setViewportSize(viewport);
        for (const [name, hash] of Object.entries(pages)) {
          await tab.go(hash);
          await tab.page.waitForFunction(() => !document.querySelector('main .loading, main [role=status] .icon-busy'));
          if (name === 'table') await tab.row('Client 001').waitFor();
          if (name === 'record-past') await tab.page.getByText('What differs from now is marked').waitFor();
          await tab.screenshot(`${name}-${size}-${colorScheme}`);
          for (const finding of await tab.serious()) found.push(`${name} ${size} ${colorScheme}: ${finding}`);
        }
      }
    }
    assert.deepEqual(found, []);
    await tab.page.setViewportSize(wide);
    await tab.go('#/t/clients');
    await tab.page.getByRole('button', { name: 'New' }).click();
    await tab.screenshot('form-wide-dark');
    assert.deepEqual(await tab.serious(), []);
    tab.assertClean();
  });

  webTest('console: a record is added, refused beside its field, edited, deleted and brought back', async (scope) => {
    const { server, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'The first', reference_number: 'R1' });
    const tab = await open('#/t/clients');
    await tab.row('The first').waitFor();

    await tab.page.keyboard.press('n');
    await press(tab, 'Add');
    await tab.page.getByText('is required').waitFor();
    assert.equal(await fieldOf(tab, 'Full name').getAttribute('aria-invalid'), 'true');
    await fieldOf(tab, 'Full name').fill('A. N. Other');
    await fieldOf(tab, 'Reference number').fill('R1');
    await press(tab, 'Add');
    await tab.page.locator('.field-wrong', { hasText: 'Reference number' }).waitFor(); // the server's word
    await fieldOf(tab, 'Reference number').fill('R2');
    await fieldOf(tab, 'Data').fill('{"a": ');
    await press(tab, 'Add');
    await tab.page.locator('.field-wrong', { hasText: 'is no JSON' }).waitFor();
    await fieldOf(tab, 'Data').fill('{"a": [1, 2]}');
    await save(tab, 'Add');
    await tab.row('A. N. Other').waitFor();
    const [added] = await (await server.request('GET', '/api/clients?reference=R2')).json();
    assert.deepEqual([added.full_name, added.data], ['A. N. Other', { a: [1, 2] }]);

    await tab.row('A. N. Other').click();
    await tab.page.keyboard.press('e');
    await fieldOf(tab, 'Phone').fill('081');
    await save(tab, 'Save');
    await tab.row('A. N. Other').getByText('081', { exact: true }).waitFor();

    await tab.page.keyboard.press('Delete');
    await tab.row('A. N. Other').waitFor({ state: 'detached' });
    await until('gone', async () => (await server.request('GET', `/api/clients/${added.id}`)).status === 404);
    await tab.page.getByRole('button', { name: 'Undo' }).click();
    await tab.row('A. N. Other').waitFor();
    const back = await (await server.request('GET', `/api/clients/${added.id}`)).json();
    assert.equal(back.phone, '081');
    const actions = (await server.log()).filter(({ id }) => id === added.id).map(({ action }) => action);
    assert.deepEqual(actions, ['created', 'updated', 'deleted', 'reverted']);
    tab.assertClean({ network: true }); // a refusal is one to Chromium
  });

  webTest('console: search, filters, order and columns stand in the URL, survive a reload, and Back takes them away', async (scope) => {
    const { server, open } = await setUp(scope);
    await seed(server, 30);
    const tab = await open('#/t/clients');
    const foot = (text) => tab.page.locator('.table-foot', { hasText: text }).waitFor();
    await foot('30 records');

    await tab.page.getByRole('button', { name: 'Filter' }).click();
    await tab.page.getByLabel('Value').fill('north');
    await tab.page.getByRole('button', { name: 'Apply' }).click();
    await foot('10 records');
    await tab.page.getByRole('button', { name: 'Full name' }).click();
    await tab.page.locator('[role=columnheader][aria-sort=ascending]', { hasText: 'Full name' }).waitFor();
    await tab.page.getByRole('button', { name: 'Full name' }).click();
    await tab.page.locator('[role=columnheader][aria-sort=descending]', { hasText: 'Full name' }).waitFor();
    await tab.page.getByRole('button', { name: 'Columns', exact: true }).click();
    await tab.page.getByLabel('Gender').uncheck();
    await tab.page.keyboard.press('Escape');
    await tab.page.keyboard.press('/');
    await tab.page.keyboard.type('client 01');
    await foot('4 records');
    const hash = await tab.hash();
    const params = new URLSearchParams(hash.split('?')[1]);
    assert.deepEqual([params.get('branch'), params.get('search'), params.get('sort')], ['north', 'client 01', '-full_name']);
    assert.doesNotMatch(params.get('columns'), /gender/);

    await tab.page.reload();
    await foot('4 records');
    assert.equal(await tab.hash(), hash);
    assert.equal(await tab.page.getByRole('searchbox').inputValue(), 'client 01');
    assert.deepEqual(await tab.page.locator('.grid-window [role=row] .grid-link').allTextContents(), ['Client 019', 'Client 016', 'Client 013', 'Client 010']);
    assert.equal(await tab.page.locator('[role=columnheader]', { hasText: 'Gender' }).count(), 0);

    await tab.page.goBack();
    await tab.page.locator('[role=columnheader][aria-sort=ascending]', { hasText: 'Full name' }).waitFor();
    await tab.page.goBack();
    await tab.page.goBack();
    await foot('30 records');

    await tab.go('#/t/clients?nonsense=1');
    await tab.page.locator('main [role=alert]', { hasText: 'nonsense' }).waitFor();
    await tab.page.getByRole('button', { name: 'Clear search and filters' }).click();
    await foot('30 records');
    tab.assertClean({ network: true });
  });

  webTest('console: columns that do not fit are counted at the edge, and lead there', async (scope) => {
    const { server, open } = await setUp(scope);
    await seed(server, 30);
    const tab = await open('#/t/clients');
    await tab.row('Client 030').waitFor();
    const more = tab.page.locator('.grid-beyond button');
    const cut = async () => Number.parseInt(await more.textContent(), 10);
    const hidden = () => tab.page.locator('.grid').evaluate((grid) => {
      const right = grid.getBoundingClientRect().left + grid.clientWidth;
      return [...grid.querySelectorAll('[role=columnheader]')].filter((head) => head.getBoundingClientRect().right > right + 7).length;
    });
    await more.waitFor();
    assert.equal(await cut(), await hidden());
    await tab.page.setViewportSize(narrow);
    await until('it is narrow', async () => (await cut()) === (await hidden()) && (await cut()) > 5);
    await tab.screenshot('columns-narrow');
    for (let n = 0; (await more.count()) > 0; ++n) {
      assert.ok(n < 40);
      await more.click({ timeout: 1_000 }).catch(() => {}); // the last press takes it away
    }
    assert.equal(await hidden(), 0);
    await tab.page.setViewportSize({ width: 2400, height: 800 });
    await until('nothing is cut', async () => (await more.count()) === 0);
    tab.assertClean();
  });

  webTest('console: two browsers see each other’s changes; new rows wait for who has scrolled away', async (scope) => {
    const { server, host, open } = await setUp(scope);
    await seed(server, 120);
    const mine = await open('#/t/clients');
    const theirs = await ConsolePage.open(await scope.otherBrowser(), host.url, '#/t/clients');
    await mine.row('Client 120').waitFor();
    await theirs.row('Client 120').click();
    await theirs.page.keyboard.press('e');
    await fieldOf(theirs, 'City').fill('Songkhla');
    await press(theirs, 'Save');
    await mine.row('Client 120').locator('.flash', { hasText: 'Songkhla' }).waitFor();

    await mine.page.locator('.grid').evaluate((grid) => (grid.scrollTop = 1_000));
    await mine.row('Client 085').waitFor();
    const seen = async () => (await mine.page.locator('.grid').evaluate((grid) => {
      const top = grid.getBoundingClientRect().top + 60;
      return [...grid.querySelectorAll('.grid-window [role=row]')].find((row) => row.getBoundingClientRect().top > top).textContent;
    }));
    const before = await seen();
    for (const name of ['Newcomer one', 'Newcomer two']) await server.save('clients', { full_name: name });
    await mine.page.getByRole('button', { name: '2 new rows – show' }).waitFor();
    await theirs.row('Newcomer two').waitFor(); // who is at the top sees it at once
    await server.request('DELETE', '/api/clients/CLT-119');
    await theirs.row('Client 119').waitFor({ state: 'detached' });
    await until('the row above is gone', async () => (await mine.page.locator('.table-foot').textContent()) === '119 records');
    assert.equal(await seen(), before); // nothing moved under the reader
    await mine.page.getByRole('button', { name: '2 new rows – show' }).click();
    await mine.row('Newcomer one').waitFor();
    mine.assertClean();
    theirs.assertClean();
  });

  webTest('console: what others change under an open form is shown beside the field, and nothing is overwritten unseen', async (scope) => {
    const { server, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'The first', phone: '1', city: 'Here' });
    const tab = await open('#/t/clients/CLT-1');
    await title(tab, 'The first');
    await tab.page.keyboard.press('e');
    await fieldOf(tab, 'Phone').fill('2');
    await server.request('PATCH', '/api/clients/CLT-1', { body: { phone: '3', city: 'There' } });
    const conflict = tab.page.locator('.form-theirs', { hasText: 'Changed meanwhile by others to 3' });
    await conflict.waitFor();
    assert.equal(await fieldOf(tab, 'City').inputValue(), 'There'); // nobody wrote there
    await press(tab, 'Save');
    await tab.page.getByText('decide at each of them').waitFor();
    assert.equal((await (await server.request('GET', '/api/clients/CLT-1')).json()).phone, '3');
    await conflict.getByRole('button', { name: 'Keep mine' }).click();
    await press(tab, 'Save');
    await until('saved', async () => {
      const record = await (await server.request('GET', '/api/clients/CLT-1')).json();
      return record.phone === '2' && record.city === 'There';
    });
    tab.assertClean();
  });

  webTest('console: the form of a record page stays with what somebody wrote when the record is deleted', async (scope) => {
    const { server, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'The first' });
    const tab = await open('#/t/clients/CLT-1');
    await title(tab, 'The first');
    await tab.page.keyboard.press('e');
    await fieldOf(tab, 'City').fill('A long text that nobody wants to write again');
    assert.equal((await server.request('DELETE', '/api/clients/CLT-1')).status, 200);
    await tab.page.getByText('This record was deleted meanwhile. Saving will be refused.').waitFor();
    assert.match(await fieldOf(tab, 'City').inputValue(), /nobody wants to write again/);
    tab.assertClean({ network: true });
  });

  webTest('console: an id that no record has is said to be one, at any version, and is not asked for again', async (scope) => {
    const { server, browser, open } = await setUp(scope);
    const asked = [];
    browser.on('request', (request) => /\/api\/clients\/CLT-/.test(request.url()) && asked.push(request.url()));
    const tab = await open('#/t/clients/CLT-none?version=2'); // the page begins while the connection does
    await tab.page.getByText('There is no record with this id.').waitFor();
    await tab.page.locator('.sidebar .status', { hasText: /^Online$/ }).waitFor();
    const paths = () => asked.map((url) => url.split('/api/clients/')[1]);
    assert.deepEqual(paths(), ['CLT-none', 'CLT-none/history']);
    await server.save('clients', { id: 'CLT-none', full_name: 'Made since' });
    await title(tab, 'Made since'); // the stream told of it
    await until('the version is asked for', async () => paths().length >= 4);
    assert.deepEqual(paths().slice(2), ['CLT-none/history', 'CLT-none?version=2']);
    tab.assertClean({ network: true });
  });

  webTest('console: a record is asked for once, although the connection comes up while its page loads', async (scope) => {
    const { server, browser, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'The first' });
    const asked = [];
    browser.on('request', (request) => /\/api\/clients\/CLT-/.test(request.url()) && asked.push(request.url().split('/api/clients/')[1]));
    const tab = await open('#/t/clients/CLT-1');
    await title(tab, 'The first');
    await tab.page.locator('.sidebar .status', { hasText: /^Online$/ }).waitFor();
    await server.save('clients', { id: 'CLT-1', full_name: 'Changed' });
    await title(tab, 'Changed');
    await tab.page.getByRole('region', { name: 'History' }).getByText('Version 2').waitFor();
    assert.deepEqual(asked, ['CLT-1', 'CLT-1/history', 'CLT-1/history']);
    tab.assertClean();
  });

  webTest('console: a filter of the stream is applied as one types, and stays on its page', async (scope) => {
    const { server, open } = await setUp(scope);
    await seed(server, 3);
    const tab = await open('#/audit');
    await tab.go('#/stream');
    await tab.page.getByLabel('Branch').pressSequentially('north');
    await tab.page.waitForFunction(() => location.hash === '#/stream?branch=north');
    await tab.page.getByLabel('Branch').pressSequentially('west');
    await tab.page.evaluate(() => history.back());
    await title(tab, 'Audit');
    await tab.page.getByLabel('Branch').waitFor();
    assert.equal(await tab.hash(), '#/audit');
    tab.assertClean({ network: true });
  });

  webTest('console: Back and a reload ask before a form is lost that somebody wrote in', async (scope) => {
    const { server, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'The first' });
    const tab = await open('#/t/clients');
    const { page } = tab;
    await tab.row('The first').locator('a').click();
    await title(tab, 'The first');
    const record = await tab.hash();
    await page.keyboard.press('e');
    await fieldOf(tab, 'Phone').fill('081');
    const question = page.getByRole('dialog', { name: 'Leave without saving?' });
    for (let n = 0; n < 2; ++n) {
      await page.evaluate(() => history.back());
      await question.waitFor();
      assert.equal(await tab.hash(), record);
      await question.getByRole('button', { name: 'Cancel' }).click();
      await question.waitFor({ state: 'detached' });
      assert.equal(await page.getByLabel('Phone').inputValue(), '081');
    }
    const asked = page.waitForEvent('dialog');
    const reload = page.reload({ timeout: 3_000 }).catch(() => {});
    const dialog = await asked;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.dismiss();
    await reload;
    assert.equal(await page.getByLabel('Phone').inputValue(), '081');
    await page.evaluate(() => history.back());
    await question.getByRole('button', { name: 'Leave' }).click();
    await title(tab, 'Clients');
    assert.equal(await tab.hash(), '#/t/clients');
    assert.equal(await page.getByRole('dialog').count(), 0);
    tab.assertClean({ network: true });
  });

  webTest('console: a record’s history shows what changed, its past can be looked at, and a version is restored', async (scope) => {
    const { server, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'Old name', phone: '1', data: { a: { b: 1 } } });
    await server.request('PATCH', '/api/clients/CLT-1', { body: { full_name: 'New name', data: { a: { b: 2 } } } });
    const tab = await open('#/t/clients/CLT-1');
    await title(tab, 'New name');
    const history = tab.page.getByRole('region', { name: 'History' });
    await history.getByText('Data › a › b').waitFor();
    await history.locator('del', { hasText: 'Old name' }).waitFor();
    await tab.page.getByRole('slider').fill('0');
    await tab.page.getByText('What differs from now is marked').waitFor();
    assert.match(await tab.hash(), /version=1/);
    await tab.page.locator('.fields-differ', { hasText: 'Old name' }).getByText('now: New name').waitFor();
    await tab.page.reload();
    await tab.page.getByText('What differs from now is marked').waitFor();
    await history.getByText('Event 1', { exact: true }).click();
    await history.getByText('"action": "created"').waitFor();

    await tab.page.getByRole('button', { name: 'Restore this version' }).click();
    await title(tab, 'Old name');
    await history.getByText('reverted').waitFor();
    const record = await (await server.request('GET', '/api/clients/CLT-1')).json();
    assert.deepEqual([record.full_name, record.data, record.version], ['Old name', { a: { b: 1 } }, 3]);

    await tab.page.getByRole('button', { name: 'Delete' }).click();
    await title(tab, 'Clients');
    await tab.go('#/t/clients/CLT-1');
    await tab.page.getByText('This record is deleted').waitFor();
    await history.getByRole('button', { name: 'Restore' }).first().click();
    await tab.page.getByRole('button', { name: 'Edit' }).waitFor();
    tab.assertClean({ network: true }); // a deleted record is 404
  });

  webTest('console: a table is shown as it was at a moment, read only, and its rows lead to what they were', async (scope) => {
    const { server, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'Old name', branch: 'north' });
    await server.save('clients', { id: 'CLT-2', full_name: 'Gone since', branch: 'north' });
    const { position } = await server.save('clients', { id: 'CLT-3', full_name: 'Elsewhere', branch: 'south' });
    await server.request('PATCH', '/api/clients/CLT-1', { body: { full_name: 'New name' } });
    await server.request('DELETE', '/api/clients/CLT-2');
    const tab = await open(`#/t/clients?branch=north&sort=full_name&at=${position}`);
    await tab.row('Old name').waitFor();
    assert.deepEqual(await tab.page.locator('.grid-window .grid-link').allTextContents(), ['Gone since', 'Old name']);
    assert.equal(await tab.page.getByRole('button', { name: 'New', exact: true }).count(), 0);
    await server.save('clients', { full_name: 'Later', branch: 'north' });
    await tab.row('Old name').getByRole('link').click();
    await title(tab, 'New name');
    await tab.page.locator('.fields-differ', { hasText: 'Old name' }).waitFor();
    await tab.page.goBack();
    await tab.page.getByRole('button', { name: 'Back to now' }).click();
    await tab.row('New name').waitFor();
    await tab.row('Later').waitFor();
    tab.assertClean();
  });

  webTest('console: the stream is live, Space pauses it, filters narrow it, and it says what happens to it', async (scope) => {
    const { server, open } = await setUp(scope);
    await server.save('clients', { id: 'CLT-1', full_name: 'Before' });
    const tab = await open('#/stream');
    const list = tab.page.getByRole('region', { name: 'Events' });
    await list.getByText('CLT-1').waitFor();
    await list.getByText(/Caught up at/).waitFor();
    await server.save('visits', { id: 'VIS-1', visit_date: '2026-11-26', branch: 'north' });
    await list.getByText('VIS-1').waitFor();
    await tab.page.locator('main h1').click();
    await tab.page.keyboard.press(' ');
    await tab.page.getByRole('button', { name: 'Go on' }).waitFor();
    await server.save('visits', { id: 'VIS-2', visit_date: '2026-11-26' });
    await tab.page.getByText('1 waiting').waitFor();
    assert.equal(await list.getByText('VIS-2').count(), 0);
    await tab.page.keyboard.press(' ');
    await list.getByText('VIS-2').waitFor();
    await tab.page.getByLabel('Table', { exact: true }).selectOption('visits');
    await list.getByText('CLT-1').waitFor({ state: 'detached' });
    assert.match(await tab.hash(), /resource=visits/);
    await list.getByText('VIS-1').waitFor();
    await list.locator('summary', { hasText: 'VIS-1' }).click();
    await list.getByText('"visit_date": "2026-11-26"').waitFor();
    assert.equal(await server.stop(), 0);
    await list.getByText(/Connection lost/).first().waitFor();
    await server.start();
    await server.save('visits', { id: 'VIS-3', visit_date: '2026-11-26' });
    await list.getByText('VIS-3').waitFor();
    tab.assertClean({ network: true });
  });

  webTest('console: without a backend rows are there, a change is kept and marked, and is sent when it is back', async (scope) => {
    const { server, open } = await setUp(scope);
    await seed(server, 5);
    const tab = await open('#/t/clients');
    await tab.row('Client 005').waitFor();
    assert.equal(await server.stop(), 0);
    await tab.page.locator('.sidebar .status', { hasText: 'Offline' }).waitFor();
    await tab.page.keyboard.press('n');
    await fieldOf(tab, 'Full name').fill('While away');
    await press(tab, 'Add');
    await tab.row('While away').locator('.grid-unsent').waitFor();
    await tab.page.locator('.sidebar .status', { hasText: 'Offline · 1 unsent' }).waitFor();
    await tab.row('Client 003').click();
    await tab.page.keyboard.press('Delete');
    const toasts = tab.page.locator('.toast');
    await toasts.filter({ hasText: 'Client 003 is deleted here. The backend cannot be reached.' }).waitFor();
    await toasts.last().hover(); // held, however long it takes
    await tab.screenshot('offline-wide-light');
    await server.start();
    await toasts.filter({ hasText: 'The backend is back.' }).waitFor();
    assert.deepEqual(await toasts.filter({ hasText: 'cannot be reached' }).allTextContents(), []);
    assert.equal(await toasts.filter({ hasText: /^The backend is back\.$/ }).count(), 1);
    await toasts.filter({ hasText: /^Client 003 deleted/ }).getByRole('button', { name: 'Undo' }).waitFor(); // that can still be done
    await tab.page.locator('.sidebar .status', { hasText: /^Online$/ }).waitFor();
    await tab.row('While away').locator('.grid-unsent').waitFor({ state: 'detached' });
    assert.equal((await server.log()).filter(({ data }) => data.full_name === 'While away').length, 1);
    await until('the deletion is sent', async () => (await server.request('GET', '/api/clients/CLT-003')).status === 404);
    tab.assertClean({ network: true });
  });

  webTest('console: naughty texts in every field are shown as text, in tables, records, forms and the stream', async (scope) => {
    const { server, open } = await setUp(scope);
    const definition = await (await server.request('GET', '/openapi.json')).json();
    const { properties } = definition.components.schemas['record.clients']['x-definition'];
    const texts = Object.entries(properties).filter(([, { type, format }]) => type === 'string' && !format).map(([name]) => name);
    const records = naughty.map((text, index) => {
      const record = Object.fromEntries(texts.map((name) => [name, text]));
      return { ...record, id: `CLT-n${index}`, reference_number: `${index} ${text}`.slice(0, 200), data: { [text.slice(0, 200)]: text } };
    });
    for (const record of records) await server.save('clients', record);
    const tab = await open('#/t/clients?sort=created_at&columns=full_name,phone,reference_number,data');
    await tab.row('DROP TABLE').first().waitFor();
    await tab.page.setViewportSize({ width: 1280, height: 1600 });
    await until('all rows', async () => (await tab.page.locator('.grid-window [role=row]').count()) === naughty.length);
    const shown = await tab.page.locator('.grid-window .grid-link').allTextContents();
    assert.deepEqual(shown, naughty);
    for (const index of naughty.keys()) {
      await tab.go(`#/t/clients/CLT-n${index}`);
      await tab.page.locator('.fields .value').first().waitFor();
      const phone = await tab.page.locator('.fields > div', { hasText: /^Phone/ }).locator('.value').textContent();
      assert.equal(phone, naughty[index]);
    }
    await tab.page.keyboard.press('e');
    assert.equal(await fieldOf(tab, 'Phone').inputValue(), naughty.at(-1));
    await save(tab, 'Cancel');
    await tab.go('#/stream');
    await tab.page.locator('.tail summary').first().click();
    await tab.page.locator('.tail .json').waitFor();
    assert.equal(await tab.page.evaluate(() => window.ranIt), undefined);
    tab.assertClean();
  });

  webTest('console: works by keyboard alone, and ? lists the keys of the page', async (scope) => {
    const { server, open } = await setUp(scope);
    await seed(server, 30);
    const tab = await open('#/');
    const keys = async (...names) => { for (const name of names) await tab.page.keyboard.press(name); };
    await until('Tables', async () => {
      await keys('g', 't'); // on a busy machine the second may come too late
      return (await tab.page.locator('main h1').first().textContent()) === 'Tables';
    });
    await tab.go('#/t/clients');
    await tab.row('Client 030').waitFor();
    await keys('j', 'j', 'j', 'k');
    await tab.page.locator('.grid-active', { hasText: 'Client 029' }).waitFor();
    assert.match(await tab.page.locator('.grid').getAttribute('aria-activedescendant'), /^row-1$/);
    await keys('End');
    await tab.page.locator('.grid-active', { hasText: 'Client 001' }).waitFor();
    await keys('?');
    const help = tab.page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await help.getByText('Edit the row').waitFor();
    await help.getByText('Go to Stream').waitFor();
    await keys('Escape');
    await help.waitFor({ state: 'detached' });
    await keys('Enter');
    await title(tab, 'Client 001');
    await keys('u');
    await title(tab, 'Clients');
    await keys('/');
    await tab.page.keyboard.type('j');
    assert.equal(await tab.page.getByRole('searchbox').inputValue(), 'j'); // a letter, not a command
    tab.assertClean();
  });

  webTest('console: an entity that somebody adds with --entities has its table and its form', async (scope) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-entities-'));
    scope.keep({ close: () => rm(folder, { recursive: true, force: true }) });
    const definition = {
      title: 'Machines',
      description: 'What stands in a branch.',
      type: 'object',
      additionalProperties: false,
      'x-revision': 1,
      'x-table': 'machines',
      'x-prefix': 'MCH',
      required: ['name', 'state'],
      properties: {
        name: { type: 'string', title: 'Name' },
        state: { type: 'string', title: 'State', enum: ['running', 'broken'] },
        hours: { type: 'integer', title: 'Hours' },
        checked_at: { type: 'string', format: 'date-time', title: 'Checked at' },
        is_rented: { type: 'boolean', title: 'Rented' },
        branch: { type: 'string', title: 'Branch' },
      },
      'x-filters': { branch: 'branch', state: 'state' },
      'x-search': ['name'],
      'x-order': ['name'],
      'x-branch': 'branch',
    };
    await writeFile(`${folder}/machines.json`, JSON.stringify(definition));
    const { server, open } = await setUp(scope, { arguments: ['--entities', folder] });
    const tab = await open('#/');
    await tab.page.locator('.sidebar').getByRole('link', { name: 'Machines' }).click();
    await tab.page.getByRole('button', { name: 'Add the first' }).click();
    await fieldOf(tab, 'Name').fill('Press');
    await fieldOf(tab, 'State').selectOption('broken');
    await fieldOf(tab, 'Hours').fill('1.5');
    await fieldOf(tab, 'Rented').selectOption('true');
    await fieldOf(tab, 'Checked at').fill('2026-11-26T10:20:30');
    await press(tab, 'Add');
    await tab.page.getByText('must be a whole number').waitFor();
    await fieldOf(tab, 'Hours').fill('1500');
    await save(tab, 'Add');
    await tab.row('Press').getByText('1,500').waitFor();
    const [record] = await (await server.request('GET', '/api/machines')).json();
    assert.deepEqual([record.state, record.hours, record.is_rented], ['broken', 1500, true]);
    tab.assertClean();
  });

  webTest('console: a list is exported as CSV, and can be asked for by curl', async (scope) => {
    const { server, browser, host, open } = await setUp(scope);
    await browser.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(host.url).origin });
    await seed(server, 12);
    const tab = await open('#/t/clients?branch=north&sort=full_name');
    await tab.row('Client 001').waitFor();
    const more = async (item) => {
      await tab.page.getByRole('button', { name: 'More', exact: true }).click();
      await tab.page.getByRole('menuitem', { name: item }).click();
    };
    const downloading = tab.page.waitForEvent('download');
    await more('Export CSV');
    const file = await downloading;
    assert.match(file.suggestedFilename(), /^clients-\d{4}-\d\d-\d\d\.csv$/);
    const chunks = [];
    for await (const chunk of await file.createReadStream()) chunks.push(chunk);
    const lines = Buffer.concat(chunks).toString().trim().split(/\r?\n/);
    assert.equal(lines.length, 1 + 4);
    assert.match(lines[1], /^CLT-001,/);
    await more('Copy as curl');
    await tab.page.locator('.toast', { hasText: 'The command was copied' }).waitFor();
    const command = await tab.page.evaluate(() => navigator.clipboard.readText());
    assert.equal(command, `curl -H 'Accept: application/json' '${host.url}api/clients?branch=north&sort=full_name'`);
    tab.assertClean();
  });
}
