// The console by https: opened, written to and followed, with the cookie and the sockets that go with it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ConsolePage } from './support/console_page.mjs';
import { webTest } from './support/web_test.mjs';

// A throwaway certificate that nobody has signed; `close()` removes its files.
async function makeCertificate() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-tls-'));
  const made = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', made.key, '-out', made.cert]);
  return { ...made, close: () => rm(folder, { recursive: true, force: true }) };
}

export function consoleHttpsTests() {
  webTest('console: by https it shows records and what happens to them', async (scope) => {
    const { cert, key } = scope.keep(await makeCertificate());
    const server = await scope.server({ arguments: ['--tls-cert', cert, '--tls-key', key] });
    assert.match(server.origin, /^https:/);
    const tab = await ConsolePage.open(await scope.otherBrowser({ ignoreHTTPSErrors: true }), `${server.origin}/`, '#/t/clients');
    const { page } = tab;
    await page.locator('.sidebar .status-online').waitFor();
    const save = (name) =>
      page.evaluate(async (full_name) => {
        const body = JSON.stringify({ full_name, branch: 'north' });
        return (await fetch('/api/clients', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })).status;
      }, name);
    assert.equal(await save('Seen By Stream'), 201);
    await tab.row('Seen By Stream').waitFor();
    assert.deepEqual(tab.foreign, []);
  });
}
