// The outbox in Chromium: what waits, what was refused, and how it is decided.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { assertNoErrors, consoleSetUp, goTo, lookAt, openConsole, textOf, toast, untilPage } from './support/console_looks.mjs';
import { webTest } from './support/web_test.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true });
const isOnline = (page) => page.getByRole('link', { name: /^Online/ }).first().waitFor();

// What people type in the form of a record, by the shortest way: the page's own client library.
const change = (page, entity, id, fields) => page.evaluate(([table, record, changed]) => window.synclog.collection(table).update(record, changed), [entity, id, fields]);
const add = (page, entity, record) => page.evaluate(([table, given]) => window.synclog.collection(table).add(given), [entity, record]);

export function consoleOutboxTests() {
  webTest('console outbox: what cannot be sent waits there, is exported, discarded, and sent when the server is back', async (scope) => {
    const { server, host } = await consoleSetUp(scope);
    const page = await openConsole(await scope.otherBrowser(), host, '#/outbox');
    await isOnline(page);
    await page.getByText('Nothing waits here').waitFor();
    await lookAt(page, 'outbox-1-empty', { small: true });
    await server.stop();
    for (const full_name of ['Ann Other', 'Bob Other', 'Cid Other']) await add(page, 'clients', { full_name, phone: '081', branch: 'north' });
    await page.getByText('3 changes to be sent').waitFor();
    await untilPage('it was tried', page, async () => /not reached|no answer|answered/.test(await textOf(page)));
    assert.match(await textOf(page), /The backend cannot be reached/);
    await lookAt(page, 'outbox-2-waiting', { small: true });

    const [download] = await Promise.all([page.waitForEvent('download'), button(page, 'Export').click()]);
    const exported = JSON.parse(await readFile(await download.path(), 'utf8'));
    assert.deepEqual(exported.operations.map(({ request }) => request.body.full_name), ['Ann Other', 'Bob Other', 'Cid Other']);

    await button(page, 'Discard the change of Bob Other').click(); // also while it is being tried
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await page.getByText('2 changes to be sent').waitFor();
    await page.reload();
    await page.getByText('2 changes to be sent').waitFor();

    // What was changed in a record that is not made goes with it.
    await page.evaluate(async () => {
      const { record } = await window.synclog.collection('clients').add({ full_name: 'Dan Other', branch: 'north' });
      await window.synclog.collection('clients').update(record.id, { phone: '082' });
    });
    await page.getByText('4 changes to be sent').waitFor();
    await button(page, 'Discard the change of Dan Other').first().click();
    await page.getByRole('dialog').getByText('and 1 later change of the same').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await page.getByText('2 changes to be sent').waitFor();
    await server.start();
    await button(page, 'Send now').click();
    await page.getByText('Nothing waits here').waitFor();
    assert.deepEqual((await server.log()).map(({ data }) => data.full_name).sort(), ['Ann Other', 'Cid Other']);
    assertNoErrors(page);
  });

  webTest('console outbox: two browsers change the same record, and one merges field by field', async (scope) => {
    const { server, host } = await consoleSetUp(scope);
    const { id } = await server.save('clients', { full_name: 'Ann Other', phone: '081', city: 'Here', address: 'Old Road 1', branch: 'north', data: { height: 160, note: 'first' } });
    const [mine, theirs] = await Promise.all(['#/outbox', '#/outbox'].map(async (hash) => openConsole(await scope.otherBrowser(), host, hash)));
    await Promise.all([mine, theirs].map(isOnline));
    for (const page of [mine, theirs]) await page.evaluate(() => window.synclog.collection('clients').load());

    await mine.evaluate(() => window.synclog.setFaults({ offline: true }));
    await mine.getByText('Faults are switched on').waitFor();
    await change(mine, 'clients', id, { phone: '0899', city: 'There', address: 'New Road 2', data: { height: 161, note: 'mine' } });
    await change(theirs, 'clients', id, { phone: '0777', city: 'Elsewhere', data: { note: 'theirs' } });
    await mine.evaluate(() => window.synclog.setFaults({}));
    await mine.getByText('Choose what shall stand').waitFor();
    const save = button(mine, 'Save the result');
    assert.equal(await save.isDisabled(), true);
    assert.match(await textOf(mine), /3 fields are to be decided/);
    await lookAt(mine, 'outbox-3-merge', { small: true });

    await mine.getByLabel('Phone: yours').check();
    await mine.getByLabel('City: theirs').check();
    await mine.getByLabel('Data › note: write something else').click();
    await mine.getByLabel('Data › note: result').fill('both');
    await lookAt(mine, 'outbox-4-decided');
    await save.click();
    await toast(mine, 'Ann Other is saved');
    const stands = await (await server.request('GET', `/api/clients/${id}`)).json();
    assert.deepEqual([stands.phone, stands.city, stands.address, stands.data], ['0899', 'Elsewhere', 'New Road 2', { height: 161, note: 'both' }]);
    await untilPage('both see it', theirs, (page) => page.evaluate(async (one) => (await window.synclog.collection('clients').get(one)).record.phone === '0899', id));
    assertNoErrors(mine, theirs);
  });

  webTest('console outbox: keep theirs, bring back what was deleted, correct what is not valid', async (scope) => {
    const { server, host } = await consoleSetUp(scope);
    const page = await openConsole(await scope.otherBrowser(), host, '#/outbox');
    await isOnline(page);
    const { id } = await server.save('clients', { full_name: 'Ann Other', phone: '081' });
    const gone = await server.save('clients', { full_name: 'Bob Other', phone: '082', city: 'Here' });
    await page.evaluate(() => window.synclog.collection('clients').load());
    await page.evaluate(() => window.synclog.setFaults({ offline: true }));
    await change(page, 'clients', id, { phone: '1' });
    await change(page, 'clients', gone.id, { phone: '2' });
    await add(page, 'clients', { phone: '3' });
    await add(page, 'clients', { full_name: '<img src=x onerror=alert(1)>', date_of_birth: 'never' });
    await server.request('PATCH', `/api/clients/${id}`, { body: { phone: '0777' } });
    await server.request('DELETE', `/api/clients/${gone.id}`);
    await page.evaluate(() => window.synclog.setFaults({}));
    await untilPage('all four need a decision', page, async () => (await page.locator('.outbox-item').count()) === 4);
    await lookAt(page, 'outbox-5-decisions');

    const card = (text) => page.locator('.outbox-item', { hasText: text });
    await card('Choose what shall stand').getByRole('button', { name: 'Keep theirs' }).click();
    await toast(page, 'Your change is given up');
    await card('deleted by others').getByRole('button', { name: 'Bring it back with my changes' }).click();
    await toast(page, 'Bob Other is saved');
    await page.getByText('is required').waitFor();
    const missing = page.locator('.outbox-item', { has: page.getByLabel('Full name') }).filter({ hasNot: page.getByLabel('Date of birth') });
    await missing.getByLabel('Full name').fill('Cid Other');
    await missing.getByRole('button', { name: 'Send it again' }).click();
    await untilPage('one is left', page, async () => (await page.locator('.outbox-item').count()) === 1);
    await page.getByLabel('Date of birth').fill('1985-07-14');
    await button(page, 'Send it again').click();
    await page.getByText('Nothing waits here').waitFor();
    const rows = await (await server.request('GET', '/api/clients?sort=phone')).json();
    assert.deepEqual(rows.map(({ full_name, phone }) => [full_name, phone]).sort(), [
      ['<img src=x onerror=alert(1)>', null],
      ['Ann Other', '0777'],
      ['Bob Other', '2'],
      ['Cid Other', '3'],
    ]);
    assert.equal(rows.find(({ full_name }) => full_name === 'Bob Other').city, 'Here');
    assertNoErrors(page);
  });

  webTest('console outbox: an old tab without storage says what is at risk', async (scope) => {
    const { host } = await consoleSetUp(scope);
    const browser = await scope.otherBrowser();
    await browser.addInitScript(() => Object.defineProperty(globalThis, 'indexedDB', { value: undefined }));
    const page = await openConsole(browser, host, '#/outbox');
    await page.getByText('This browser stores nothing here').first().waitFor();
    await goTo(page, '#/settings');
    await page.getByText('This browser stores nothing here').first().waitFor();
    assertNoErrors(page);
  });
}
