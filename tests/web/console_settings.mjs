// The settings in Chromium: faults with their banner, signing in and out, tokens.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { assertNoErrors, consoleSetUp, goTo, lookAt, openConsole, textOf, toast, untilPage } from './support/console_looks.mjs';
import { webTest } from './support/web_test.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true });
const banner = (page) => page.getByText('Faults are switched on in this browser');

export function consoleSettingsTests() {
  webTest('console settings: a fault is never on without its banner, in any tab, and ends when it is switched off', async (scope) => {
    const { server, host } = await consoleSetUp(scope);
    const browser = await scope.otherBrowser();
    const [first, second] = [await openConsole(browser, host, '#/settings'), await openConsole(browser, host, '#/outbox')];
    await first.getByRole('link', { name: /^Online/ }).first().waitFor();
    await first.getByText('asks nobody to sign in').waitFor();
    assert.equal(await banner(first).count(), 0);
    await lookAt(first, 'settings-1', { small: true });
    await first.getByRole('switch', { name: /Go offline/ }).check();
    for (const page of [first, second]) {
      await banner(page).waitFor();
      await page.getByRole('link', { name: /^Offline/ }).first().waitFor();
    }
    await lookAt(first, 'settings-2-offline');
    await first.evaluate(() => window.synclog.collection('clients').add({ full_name: 'While it is off' }));
    await second.getByText('1 change to be sent').waitFor();
    await second.getByRole('button', { name: 'Switch off' }).click();
    for (const page of [first, second]) {
      await banner(page).waitFor({ state: 'detached' });
      await page.getByRole('link', { name: /^Online/ }).first().waitFor();
    }
    await second.getByText('Nothing waits here').waitFor();
    assert.equal((await server.log()).length, 1);

    await first.getByLabel('Lose answers').selectOption({ label: 'every second' });
    await banner(second).waitFor();
    for (let n = 0; n < 10; ++n) await first.evaluate((name) => window.synclog.collection('clients').add({ full_name: name }), `C${n}`);
    await button(first, 'All off').click();
    await second.getByText('Nothing waits here').waitFor();
    assert.equal((await server.log()).length, 11, 'each once');
    assertNoErrors(first, second);
  });

  webTest('console settings: colours are kept over a reload', async (scope) => {
    const { host } = await consoleSetUp(scope);
    const page = await openConsole(await scope.otherBrowser(), host, '#/settings');
    await page.getByRole('combobox', { name: 'Colours' }).selectOption('dark');
    await page.reload();
    await page.waitForSelector('h1');
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    assertNoErrors(page);
  });

  webTest('console settings: signing in, making and revoking tokens; a revoked one signs in again and the outbox waited', async (scope, t) => {
    let set;
    try {
      set = await consoleSetUp(scope, { arguments: ['--auth=token'] });
    } catch (error) {
      if (/auth/.test(String(error))) return t.skip('this server knows no tokens');
      throw error;
    }
    const { server, host } = set;
    const admin = await makeToken(server, ['--name', 'boss', '--role', 'admin']);
    const page = await openConsole(await scope.otherBrowser(), host, '#/settings');
    await page.getByLabel('Token').fill('nonsense');
    await button(page, 'Sign in').click();
    await page.getByText('is not known').waitFor();
    await lookAt(page, 'settings-3-sign-in', { small: true });
    await page.getByLabel('Token').fill(admin);
    await button(page, 'Sign in').click();
    await toast(page, 'Signed in as boss');

    await button(page, 'New token').click();
    await page.getByLabel('Name').fill('front-desk');
    await page.getByLabel('Branches').fill('north');
    await lookAt(page, 'settings-4-new-token');
    await button(page, 'Make the token').click();
    const secret = await page.locator('.secret').innerText();
    await button(page, 'Done').click();
    await page.getByRole('rowheader', { name: 'front-desk' }).first().waitFor();
    await lookAt(page, 'settings-5-tokens');

    const desk = await openConsole(await scope.otherBrowser(), host, '#/settings');
    await desk.getByLabel('Token').fill(secret);
    await button(desk, 'Sign in').click();
    await toast(desk, 'Signed in as front-desk');
    assert.equal(await desk.getByRole('heading', { name: 'Tokens' }).count(), 0);
    const made = await server.request('POST', '/api/clients', { body: { id: 'CLT-1', full_name: 'Somebody', branch: 'north' }, headers: { Authorization: `Bearer ${admin}` } });
    assert.equal(made.status, 201);
    await goTo(desk, '#/t/clients'); // a page with a stream: the server ends it
    await desk.tab.row('Somebody').waitFor();
    await page.getByRole('row', { name: /front-desk/ }).first().getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await toast(page, 'front-desk is revoked');
    await desk.getByText('You are signed out').waitFor();
    await desk.tab.row('Somebody').waitFor({ state: 'hidden' });
    await desk.evaluate(() => window.synclog.collection('clients').add({ full_name: 'Waits' }));
    await goTo(desk, '#/outbox');
    await desk.getByText('1 change to be sent').waitFor();
    assert.match(await textOf(desk), /waits until somebody signs in/);

    const renewed = await makeToken(server, ['--name', 'front-desk', '--role', 'editor', '--branch', 'north']);
    await goTo(desk, '#/settings');
    await desk.getByLabel('Token').fill(renewed);
    await button(desk, 'Sign in').click();
    await untilPage('it is sent', desk, () => desk.evaluate(() => window.synclog.status.value.unsent === 0));
    await goTo(desk, '#/outbox');
    await desk.getByText('Nothing waits here').waitFor();
    const [saved] = await (await fetch(`${server.origin}/api/clients?search=Waits`, { headers: { Authorization: `Bearer ${admin}` } })).json();
    assert.deepEqual([saved.full_name, saved.branch], ['Waits', 'north']);
    assertNoErrors(page, desk);
  });

  webTest('console settings: tabs with tokens of their own leave each other alone', async (scope) => {
    const { browser, host, page, bob, clients } = await twoPeople(scope);
    const other = await openConsole(browser, host, '#/settings');
    await other.getByText('in this browser').first().waitFor();
    await button(other, 'Sign out').waitFor();
    await button(page, 'Sign out').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
    await other.getByText('You are signed out').waitFor();
    await other.getByLabel('Only as long as this page is open').check();
    await signIn(other, bob, 'bob');
    await other.evaluate(() => (window.synclog.isBobs = true));
    assert.equal(await unsentOf(page), 1, 'the other tab is hers still');
    await other.evaluate(() => window.synclog.collection('clients').add({ full_name: 'Of Bob' }));
    await untilPage('sent', other, async () => (await unsentOf(other)) === 0);
    assert.equal(await other.evaluate(() => window.synclog.isBobs), true, 'nothing began anew');
    const listed = await clients();
    assert.deepEqual(listed.map(({ full_name }) => full_name), ['Of Bob']);
    assertNoErrors(page, other);
  });

  webTest('console settings: what one person has not sent is not sent as the next one, nor on a guess who is signed in', async (scope) => {
    const { page, ann, bob, clients } = await twoPeople(scope);
    await button(page, 'Sign out').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out').waitFor();
    await page.unroute('**/api/clients*');
    await signIn(page, bob, 'bob');
    await untilPage('an outbox of their own', page, async () => (await unsentOf(page)) === 0);

    assert.deepEqual(await keptRecords(page, 'ann'), [], 'what was kept for her is gone');

    // The last that this browser knows is wrong, and the server is slow to say so.
    let answers = false;
    let asked = 0;
    await page.route('**/api/session', (route) => (++asked, answers ? route.continue() : route.abort()));
    const was = await page.evaluate(() => {
      const name = Object.keys(localStorage).find((key) => key.startsWith('synclog.person'));
      const person = JSON.parse(localStorage.getItem(name));
      localStorage.setItem(name, JSON.stringify({ ...person, actor: 'ann' }));
      return person.actor;
    });
    assert.equal(was, 'bob');
    await page.reload();
    await untilPage('the outbox of the one it takes them for', page, async () => (await unsentOf(page)) === 1);
    await page.evaluate(() => window.synclog.sendNow());
    const before = asked;
    await untilPage('it has asked again', page, async () => asked >= before + 2);
    answers = true;
    await untilPage('the server has said who it is', page, async () => (await unsentOf(page)) === 0);
    assert.deepEqual(await clients(), [], 'nothing was sent meanwhile');

    await button(page, 'Sign out').click();
    await page.getByText('You are signed out').waitFor();
    await signIn(page, ann, 'ann');
    await untilPage('it is sent', page, async () => (await unsentOf(page)) === 0 && (await clients()).length === 1);
    assertNoErrors(page);
  });

  webTest('console settings: who may not see the whole log has an overview without its figures', async (scope) => {
    const { server, host } = await consoleSetUp(scope, { arguments: ['--auth=token'] });
    const viewer = await makeToken(server, ['--name', 'reader', '--role', 'viewer', '--branch', 'north']);
    const page = await openConsole(await scope.otherBrowser(), host, '#/settings');
    await page.getByLabel('Token').waitFor();
    assert.equal(await button(page, 'New token').count(), 0); // nobody is signed in
    await page.getByLabel('Token').fill(viewer);
    await button(page, 'Sign in').click();
    await toast(page, 'Signed in as reader');
    await goTo(page, '#/');
    await page.locator('.figure', { hasText: 'Database' }).getByText('every check is fine').waitFor();
    assert.deepEqual(await page.getByLabel('Quick links').getByRole('link').allInnerTexts(), ['Watch the stream', 'The API, as OpenAPI']);
    assert.doesNotMatch(await textOf(page), /NaN/);
    await server.stop();
    await page.reload();
    await page.getByText('cannot be reached').first().waitFor();
    assert.doesNotMatch(await textOf(page), /when it last answered|NaN/);
    assertNoErrors(page);
  });

  webTest('console settings: who has never signed in is asked who they are, once, and comes to the page asked for', async (scope) => {
    const { server, host } = await consoleSetUp(scope, { arguments: ['--auth=token'] });
    const editor = await makeToken(server, ['--name', 'desk', '--role', 'editor', '--branch', 'north']);
    const page = await openConsole(await scope.otherBrowser(), host, '#/t/clients');
    await page.getByText('This server asks who you are.').waitFor();
    await page.locator('.sidebar .status', { hasText: 'Signed out' }).waitFor();
    assert.doesNotMatch(await textOf(page), /You are signed out|More than 0|Bearer|New/);
    await lookAt(page, 'settings-6-who-are-you');
    await page.getByRole('link', { name: 'Sign in with a token' }).click();
    await page.getByLabel('Token').fill(editor);
    await button(page, 'Sign in').click();
    await page.getByRole('heading', { level: 1, name: 'Clients' }).waitFor();
    await page.getByRole('button', { name: 'New', exact: true }).click();
    assert.equal(await page.getByRole('dialog').getByLabel('Branch').inputValue(), 'north');
    assertNoErrors(page);
  });
}

async function signIn(page, token, name) {
  await page.getByLabel('Token').fill(token);
  await button(page, 'Sign in').click();
  await toast(page, `Signed in as ${name}`);
}

// Two people at one browser: the console as whoever is signed in, and a change of the first that is not sent.
async function twoPeople(scope) {
  const { server, host } = await consoleSetUp(scope, { arguments: ['--auth=token'] });
  const [ann, bob] = [await makeToken(server, ['--name', 'ann', '--role', 'editor']), await makeToken(server, ['--name', 'bob', '--role', 'editor'])];
  const browser = await scope.otherBrowser();
  const page = await openConsole(browser, host, '#/settings');
  const made = await server.request('POST', '/api/clients', { body: { full_name: 'Kept Here' }, headers: { Authorization: `Bearer ${ann}` } });
  assert.equal(made.status, 201);
  await signIn(page, ann, 'ann');
  const block = (tab) => tab.route('**/api/clients*', (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()));
  await goTo(page, '#/t/clients'); // its rows are kept in the browser
  await page.getByText('Kept Here').first().waitFor();
  await goTo(page, '#/settings');
  await block(page);
  await page.evaluate(() => void window.synclog.collection('clients').add({ full_name: 'Of Ann' }));
  await untilPage('it waits', page, () => page.evaluate(() => window.synclog.status.value.unsent === 1));
  const clients = async () => (await fetch(`${server.origin}/api/clients?search=Of`, { headers: { Authorization: `Bearer ${ann}` } })).json();
  return { browser, host, page, ann, bob, clients };
}

// What is in the storage of somebody's cache.
const keptRecords = (page, user) =>
  page.evaluate(async (suffix) => {
    const { name } = (await indexedDB.databases()).find((one) => one.name.endsWith(suffix));
    const database = await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result)));
    const records = await new Promise((resolve) => (database.transaction('records').objectStore('records').getAll().onsuccess = ({ target }) => resolve(target.result)));
    database.close();
    return records;
  }, ` ${user}`);

const unsentOf = (page) => page.evaluate(() => window.synclog?.status.value.unsent);

const makeToken = async (server, options) => (await promisify(execFile)(...server.command(['token', 'create', ...options]))).stdout.trim();
