// The other origin that existing pages live on: a static server for tests/web/pages and the built client library.
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../pages', import.meta.url));
const client = fileURLToPath(new URL('../../../http/web/client/dist/client.js', import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };

export class PageHost {
  #server;

  static async start() {
    const host = new PageHost();
    host.#server = http.createServer(async (request, answer) => {
      const name = path.basename(new URL(request.url, 'http://host').pathname);
      const type = types[path.extname(name)];
      try {
        if (!type) throw new Error('not one of ours');
        const bytes = await readFile(name === 'client.js' ? client : path.join(folder, name));
        answer.writeHead(200, { 'Content-Type': type }).end(bytes);
      } catch {
        answer.writeHead(404).end();
      }
    });
    await new Promise((resolve) => host.#server.listen(0, '127.0.0.1', resolve));
    // Not 127.0.0.1, where the server under test is: another site to the browser, not just another port.
    host.origin = `http://localhost:${host.#server.address().port}`;
    return host;
  }

  async close() {
    this.#server.closeAllConnections?.();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
