// The checklist of the console, as people go through it with mouse and keyboard: import, add, load, lose the server, see each other.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { assertNoErrors, consoleSetUp, goTo, openConsole, untilPage } from './support/console_looks.mjs';
import { distributorFile } from './support/csv_files.mjs';
import { lookAtPageMs, until } from './support/wait.mjs';
import { webTest } from './support/web_test.mjs';

const withinMs = 1_000;
const badge = (page, text) => page.getByRole('link', { name: text }).first().waitFor();
const heading = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();
const dialog = (page) => page.getByRole('dialog');

async function addInForm(page, entity, title, fields) {
  await goTo(page, `#/t/${entity}`);
  await heading(page, title);
  await page.getByRole('button', { name: /^(New|Add the first)$/ }).first().click();
  for (const [label, text] of Object.entries(fields)) await dialog(page).getByLabel(new RegExp(`^${label}`)).first().fill(text);
  await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
  await dialog(page).waitFor({ state: 'detached' });
}

const openStreams = async (server) => Number(/^synclog_streams_open\{kind="sse"\} (\d+)/m.exec(await (await server.request('GET', '/metrics')).text())?.[1] ?? 0);

export function consoleChecklistTests() {
  webTest('console checklist: upload, create, load, server away, two browsers, eight tabs', async (scope) => {
    const { server, host } = await consoleSetUp(scope);
    const browser = await scope.otherBrowser();
    const page = await openConsole(browser, host, '#/import');

    // 1: the distributor file is saved in the backend, broken rows are reported.
    const folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-checklist-'));
    scope.keep({ close: () => rm(folder, { recursive: true, force: true }) });
    const file = path.join(folder, 'distributors.csv');
    await writeFile(file, distributorFile({ rows: 300, broken: [100] }));
    await page.waitForSelector('.drop-zone');
    await page.setInputFiles('input[type=file]', file);
    await page.getByRole('button', { name: 'Check with the server' }).click();
    await page.getByRole('button', { name: 'Save the 299 good rows' }).click();
    await heading(page, 'Saved');
    await page.getByRole('heading', { name: '2 rejected rows' }).waitFor();
    assert.equal((await (await server.request('GET', '/api/distributors')).json()).length, 299);

    // 2 and 3: a client, an appointment.
    await addInForm(page, 'clients', 'Clients', { 'Full name': 'Ann Other', Phone: '081' });
    await addInForm(page, 'appointments', 'Appointments', { 'Full name': 'Ann Other', Date: '2026-12-01', Time: '10:00' });
    const [appointment] = await (await server.request('GET', '/api/appointments')).json();
    assert.deepEqual([appointment.full_name, appointment.date], ['Ann Other', '2026-12-01']);

    // 4 and 5: loaded from the backend, in a browser that has nothing.
    const other = await openConsole(await scope.otherBrowser(), host, '#/t/clients');
    await other.getByRole('link', { name: 'Ann Other' }).waitFor();
    await goTo(other, '#/t/appointments');
    await other.getByRole('link', { name: 'Ann Other' }).waitFor();

    // 7: a change appears in the other browser within a second.
    await goTo(other, '#/t/clients');
    await heading(other, 'Clients');
    await badge(other, /^Online/);
    const began = Date.now();
    await server.save('clients', { full_name: 'Bob Other' });
    await other.getByRole('link', { name: 'Bob Other' }).waitFor();
    assert.ok(Date.now() - began < withinMs * 3, `after ${Date.now() - began} ms`); // the test looks every now and then

    // 6: the server stopped, a save is kept with a warning, a reload shows it, it is sent exactly once.
    await server.stop();
    await addInForm(page, 'clients', 'Clients', { 'Full name': 'Cid Other' });
    await page.getByText('kept here and sent later').first().waitFor();
    await badge(page, /1 unsent/);
    await page.reload();
    await page.getByRole('link', { name: 'Cid Other' }).waitFor();
    await server.start();
    await badge(page, /^Online$/);
    const cid = (await server.log()).filter(({ data }) => data.full_name === 'Cid Other');
    assert.deepEqual(cid.map(({ action }) => action), ['created']);
    await other.getByRole('link', { name: 'Cid Other' }).waitFor();

    // 8: eight tabs, one stream for them, and the eighth works.
    const tabs = [page];
    while (tabs.length < 8) tabs.push(await openConsole(browser, host, '#/t/clients'));
    await addInForm(tabs.at(-1), 'clients', 'Clients', { 'Full name': 'From the eighth' });
    for (const tab of tabs) await tab.getByRole('link', { name: 'From the eighth' }).waitFor();
    await until('a stream for each browser', async () => (await openStreams(server)) === 2, { everyMs: lookAtPageMs });
    await untilPage('nothing is unsent', tabs.at(-1), async (tab) => (await tab.getByRole('link', { name: /^Online$/ }).count()) > 0);
    assertNoErrors(...tabs, other);
  });
}
