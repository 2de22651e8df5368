// Every example of docs/client.md, in order, on a page of the server's own origin, with the library as the server sends it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { until } from './support/wait.mjs';
import { webTest } from './support/web_test.mjs';

const page = new URL('../../docs/client.md', import.meta.url);

async function examples() {
  const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  assert.ok(blocks.length >= 6, 'the page has its examples');
  // In one function instead of one module: what an example declares, the next ones use.
  return blocks.join('\n').replace(/^import (\{.*?\}) from '(.*?)'$/gm, "const $1 = await import('$2')");
}

export function clientDocsTests() {
  webTest('client library: the examples of its page run as they stand', async (scope) => {
    const server = await scope.server();
    const tab = await scope.tab(`${server.origin}/version`);
    const lines = [];
    tab.on('console', (message) => lines.push(message.text()));
    await tab.evaluate(`(async () => { ${await examples()} })()`);
    const names = (await server.log()).map(({ data }) => data.full_name);
    for (const name of ['A. N. Other', 'One', 'Two', 'From an existing page', 'Now with a name']) assert.ok(names.includes(name), name);
    await until('the live rows', () => lines.some((line) => line.startsWith('2 rows')), { describe: () => lines.join('\n') });
    assert.ok(lines.some((line) => line.startsWith('online')), lines.join('\n'));
  });

  webTest('client library: a page of another origin loads it from the server and uses it', async (scope) => {
    const host = await scope.pageHost();
    const server = await scope.server({ arguments: ['--cors-origin', host.origin] });
    const tab = await scope.tab(`${host.origin}/follow.html`);
    const { stored, rows } = await tab.evaluate(async (url) => {
      const { connect } = await import(`${url}/client.js`);
      const visits = (await connect({ url })).collection('visits');
      const { stored } = await visits.add({ visitDate: '2026-11-26' });
      return { stored, rows: (await visits.load()).rows };
    }, server.origin);
    assert.equal(stored, 'backend');
    assert.deepEqual(rows.map(({ visit_date }) => visit_date), ['2026-11-26']);
  });

  webTest('client library: the server sends it compressed to a browser, and again only when it has changed', async (scope) => {
    const server = await scope.server();
    const tab = await scope.tab(`${server.origin}/version`);
    const [first, second] = await tab.evaluate(async () => {
      const once = async () => {
        const answer = await fetch('/client.js');
        return { type: answer.headers.get('Content-Type'), encoding: answer.headers.get('Content-Encoding'), size: (await answer.text()).length };
      };
      return [await once(), await once()];
    });
    assert.deepEqual(first, second);
    assert.equal(first.type, 'text/javascript; charset=utf-8');
    assert.match(first.encoding, /^(gzip|br)$/);
  });
}
