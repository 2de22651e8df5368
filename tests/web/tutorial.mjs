// docs/tutorial.md, step by step in two browsers, with a picture of each step in build/screenshots.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { assertNoErrors, consoleSetUp, goTo, lookAt, openConsole, screenshots, textOf, untilPage } from './support/console_looks.mjs';
import { webTest } from './support/web_test.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true }).first();
const badge = (page, text) => page.getByRole('link', { name: text }).first().waitFor();
const openAnn = async (page) => {
  await goTo(page, '#/t/clients');
  await page.getByRole('link', { name: 'Ann Other' }).click();
  await page.getByRole('heading', { name: 'Ann Other' }).waitFor();
};
async function edit(page, fields) {
  await button(page, 'Edit').click();
  for (const [label, text] of Object.entries(fields)) await page.getByRole('dialog').getByLabel(label, { exact: true }).fill(text);
  await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

// In the order of the document; each ends with what the document says one sees.
const steps = {
  'Two browsers, one table': async ({ left, right }) => {
    for (const page of [left, right]) {
      await goTo(page, '#/t/clients');
      await badge(page, /^Online/);
      await page.getByRole('heading', { name: 'Clients' }).waitFor();
    }
    await left.getByRole('button', { name: /^(New|Add the first)$/ }).first().click();
    for (const [label, text] of [['Full name', 'Ann Other'], ['Phone', '081']]) {
      await left.getByRole('dialog').getByRole('textbox', { name: label }).fill(text);
    }
    await left.getByRole('dialog').getByRole('combobox', { name: 'Branch' }).fill('north'); // it offers some
    await left.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await right.getByRole('link', { name: 'Ann Other' }).waitFor();
  },
  'Go offline on the left': async ({ left, right }) => {
    await goTo(left, '#/settings');
    await left.getByRole('switch', { name: /Go offline/ }).check();
    await left.getByText('Faults are switched on').waitFor();
    await badge(left, /^Offline/);
    await badge(right, /^Online/);
  },
  'Work on without the server': async ({ left }) => {
    await openAnn(left);
    await edit(left, { Phone: '0899', City: 'Here' });
    await badge(left, /1 unsent/);
    await goTo(left, '#/outbox');
    await left.getByText('1 change to be sent').waitFor();
  },
  'Meanwhile, on the right': async ({ right }) => {
    await openAnn(right);
    await edit(right, { Phone: '0777', Address: 'Old Road 1' });
    await right.getByText('0777').first().waitFor();
  },
  'Back online: a decision is needed': async ({ left }) => {
    await button(left, 'Switch off').click();
    await badge(left, /1 to decide/);
  },
  'Resolve it': async ({ left, right, server }) => {
    await goTo(left, '#/outbox');
    await left.getByLabel('Phone: yours').check();
    await left.getByText('Save the result').waitFor();
    await left.screenshot({ path: path.join(screenshots, 'tutorial-6-before.png') });
    await button(left, 'Save the result').click();
    await left.getByText('Nothing waits here').waitFor();
    const [ann] = await (await server.request('GET', '/api/clients')).json();
    assert.deepEqual([ann.phone, ann.city, ann.address], ['0899', 'Here', 'Old Road 1']);
    await right.getByText('0899').first().waitFor();
  },
  'Travel back': async ({ left, right, server }) => {
    await openAnn(left);
    await left.getByRole('slider').first().fill('0');
    await button(left, 'Restore this version').waitFor();
    assert.match(await textOf(left), /as it was/);
    await left.screenshot({ path: path.join(screenshots, 'tutorial-7-before.png') });
    await button(left, 'Restore this version').click();
    await untilPage('it is restored', left, async () => {
      const [ann] = await (await server.request('GET', '/api/clients')).json();
      return ann.phone === '081' && ann.city === null && ann.version === 4;
    });
    await right.getByText('081', { exact: true }).first().waitFor();
  },
};

export function tutorialTests() {
  webTest('tutorial: what it says is what two browsers do', async (scope) => {
    const text = await readFile(new URL('../../docs/tutorial.md', import.meta.url), 'utf8');
    const headings = [...text.matchAll(/^## \d+\. (.*)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, Object.keys(steps), 'the document and its test have the same steps');
    await mkdir(screenshots, { recursive: true });
    const { server, host } = await consoleSetUp(scope);
    const left = await openConsole(await scope.otherBrowser(), host, '#/');
    const right = await openConsole(await scope.otherBrowser(), host, '#/');
    for (const [at, step] of Object.values(steps).entries()) {
      await step({ left, right, server });
      await left.screenshot({ path: path.join(screenshots, `tutorial-${at + 1}-left.png`) });
      await right.screenshot({ path: path.join(screenshots, `tutorial-${at + 1}-right.png`) });
    }
    await lookAt(left, 'tutorial-end');
    assertNoErrors(left, right);
  });
}
