// The console of somebody who sees some branches, in Chromium: what is theirs, and nothing else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { assertNoErrors, consoleSetUp, goTo, lookAt, openConsole, textOf, toast, untilPage } from './support/console_looks.mjs';
import { webTest } from './support/web_test.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true });
const makeToken = async (server, options) => (await promisify(execFile)(...server.command(['token', 'create', ...options]))).stdout.trim();

// A server with tokens, somebody who may do everything there, and the console of an editor with `branches`.
async function setUp(scope, branches) {
  const { server, host } = await consoleSetUp(scope, { arguments: ['--auth=token'] });
  const boss = await makeToken(server, ['--name', 'boss', '--role', 'admin']);
  const ask = async (method, target, body) => {
    const answer = await server.request(method, target, { body, headers: { Authorization: `Bearer ${boss}` } });
    assert.ok(answer.ok, `${method} ${target}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  };
  // Signs in somebody at a browser of their own.
  const signedIn = async (name, ...more) => {
    const browser = await scope.otherBrowser();
    const page = await openConsole(browser, host, '#/settings');
    await page.getByLabel('Token').fill(await makeToken(server, ['--name', name, ...more]));
    await button(page, 'Sign in').click();
    await toast(page, `Signed in as ${name}`);
    return { browser, page };
  };
  const { browser, page } = await signedIn('desk', '--role', 'editor', ...branches.flatMap((branch) => ['--branch', branch]));
  return { host, browser, page, ask, signedIn };
}

// Everything that the server answers to a page, as text.
function answersTo(page) {
  const texts = [];
  const reading = [];
  page.on('response', (answer) => {
    if (!/event-stream/.test(answer.headers()['content-type'] ?? '')) reading.push(answer.text().then((text) => texts.push(text), () => {}));
  });
  return async () => {
    await Promise.all(reading);
    return texts.join('\n');
  };
}

// What is kept in the browser, of all people and tables.
const storedText = (page) =>
  page.evaluate(async () => {
    const all = [];
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result)));
      for (const store of database.objectStoreNames) {
        all.push(...(await new Promise((resolve) => (database.transaction(store).objectStore(store).getAll().onsuccess = ({ target }) => resolve(target.result)))));
      }
      database.close();
    }
    return JSON.stringify(all);
  });

const offersOf = (page, label) =>
  page.getByLabel(label, { exact: true }).evaluate((input) => [...(input.list?.options ?? [])].map(({ value }) => value));

export function consoleScopeTests() {
  webTest('console scope: a record that leaves the reader’s branches goes from the table and its page, says so, and nothing of what comes after is told', async (scope) => {
    const { host, browser, page, ask } = await setUp(scope, ['north']);
    await ask('POST', '/api/clients', { id: 'CLT-1', full_name: 'Moving Person', phone: '0811', branch: 'north' });
    await ask('PATCH', '/api/clients/CLT-1', { phone: '0812' });
    await goTo(page, '#/t/clients');
    await page.tab.row('Moving Person').waitFor();
    const record = await openConsole(browser, host, '#/t/clients/CLT-1');
    await record.getByRole('heading', { level: 1, name: 'Moving Person' }).waitFor();
    await record.getByRole('region', { name: 'History' }).getByText('0812').first().waitFor();
    const told = [answersTo(page), answersTo(record)];

    await ask('PATCH', '/api/clients/CLT-1', { branch: 'south', phone: 'southern-secret' });
    await page.tab.row('Moving Person').waitFor({ state: 'detached' });
    await record.getByText('This record is no longer in your branches.').waitFor();
    const history = record.getByRole('region', { name: 'History' });
    await history.getByText('moved away').waitFor(); // what was told while it was theirs stays theirs
    assert.equal(await history.locator('.history-head').count(), 3);
    assert.equal(await button(record, 'Edit').count(), 0);
    assert.equal(await record.getByRole('button', { name: /Restore/ }).count(), 0);
    await lookAt(record, 'scope-left');
    await ask('PATCH', '/api/clients/CLT-1', { address: 'a later southern-secret', full_name: 'Southern-Secret Name' });
    await ask('POST', '/api/clients', { id: 'CLT-2', full_name: 'The one after', branch: 'north' }); // the stream has passed it
    await page.tab.row('The one after').waitFor();

    // Looked for anew, by its id, at a version that was seen before, and from the beginning of the stream.
    await record.reload();
    await record.getByText('This record is no longer in your branches.').waitFor();
    assert.equal(await history.locator('.history-head').count(), 3);
    await goTo(record, '#/t/clients/CLT-1?version=1');
    await record.getByText('Version 1, as it was.').waitFor();
    await goTo(record, '#/t/clients/CLT-1?version=4');
    await record.locator('.notice-warning', { hasText: 'Back to now' }).waitFor(); // there is none for them
    assert.equal(await record.getByRole('button', { name: /Restore/ }).count(), 0);
    await goTo(page, '#/stream');
    await page.getByRole('region', { name: 'Events' }).getByText('CLT-2').waitFor();
    for (const one of [page, record]) assert.doesNotMatch(await textOf(one), /southern-secret/i);
    for (const texts of told) assert.doesNotMatch(await texts(), /southern-secret/i);
    assert.doesNotMatch(await storedText(page), /southern-secret/i);

    // Back again it is there like any other.
    await goTo(page, '#/t/clients');
    await ask('PATCH', '/api/clients/CLT-1', { branch: 'north', full_name: 'Back Again', phone: '0813', address: null });
    await page.tab.row('Back Again').waitFor();
    assertNoErrors(page, record);
  });

  webTest('console scope: a form that is open when its record leaves says so, and keeps what was written', async (scope) => {
    const { page, ask } = await setUp(scope, ['north']);
    await ask('POST', '/api/clients', { id: 'CLT-1', full_name: 'Moving Person', branch: 'north' });
    await goTo(page, '#/t/clients/CLT-1');
    await button(page, 'Edit').click();
    await page.getByRole('dialog').getByLabel('City').fill('Written here');
    await ask('PATCH', '/api/clients/CLT-1', { branch: 'south', city: 'southern-secret' });
    await page.getByText('or is no longer in your branches').waitFor();
    assert.equal(await page.getByRole('dialog').getByLabel('City').inputValue(), 'Written here');
    assert.doesNotMatch(await textOf(page, 'body'), /southern-secret/);
    assertNoErrors(page);
  });

  webTest('console scope: a branch is offered where one is written: those that one may write, or those that there are', async (scope) => {
    const { page, ask, signedIn } = await setUp(scope, ['north', 'west']);
    await ask('POST', '/api/clients', ['north', 'south', 'east'].map((branch, index) => ({ id: `CLT-${index}`, full_name: `In ${branch}`, branch })));
    await goTo(page, '#/t/clients');
    await page.tab.row('In north').waitFor();
    await button(page, 'New').click();
    assert.deepEqual(await offersOf(page, 'Branch'), ['north', 'west']);
    await button(page, 'Cancel').click();
    await goTo(page, '#/import?entity=clients');
    const file = (text) => ({ name: 'branches.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
    await page.setInputFiles('input[type=file]', file('full_name,branch\nOne,north\nTwo,south\n'));
    await page.getByText('The first rows name south. You may write north, west: the others will be rejected.').waitFor();

    // Whoever sees all branches is offered those of the data, also without the counts of an admin.
    const { page: editor } = await signedIn('everywhere', '--role', 'editor');
    await goTo(editor, '#/t/clients');
    await editor.tab.row('In south').waitFor();
    await button(editor, 'New').click();
    await untilPage('branches are offered', editor, async () => (await offersOf(editor, 'Branch')).join() === 'east,north,south');
    const { page: auditor } = await signedIn('overseer', '--role', 'admin');
    await goTo(auditor, '#/audit');
    await untilPage('branches are offered', auditor, async () => (await offersOf(auditor, 'Branch')).join() === 'east,north,south');
    await goTo(auditor, '#/import?entity=clients');
    await auditor.setInputFiles('input[type=file]', file('full_name,branch\nOne,north\nTwo,Nroth\n'));
    await auditor.getByText('branches that no record has yet: Nroth. Known are east, north, south.').waitFor();
    await lookAt(auditor, 'scope-import-branches', { small: true });
    assertNoErrors(page, editor, auditor);
  });
}
