// The console below a path of its own, as a proxy would serve it: its built files, and everything else from the server.
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../../http/web/console/dist', import.meta.url));
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; " +
  "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export class ConsoleHost {
  #server;
  #upstream;

  static async start(server, { prefix = '/' } = {}) {
    const host = new ConsoleHost();
    host.#upstream = server;
    host.#server = http.createServer((request, answer) => void host.#answer(request, answer, prefix));
    await new Promise((resolve) => host.#server.listen(0, '127.0.0.1', resolve));
    host.url = `http://127.0.0.1:${host.#server.address().port}${prefix}`;
    return host;
  }

  async close() {
    this.#server.closeAllConnections?.();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request, answer, prefix) {
    if (!request.url.startsWith(prefix)) return answer.writeHead(404).end();
    const target = request.url.slice(prefix.length);
    const name = target.split('?')[0] || 'index.html';
    const type = types[path.extname(name)];
    if (request.method === 'GET' && type && !name.includes('..')) {
      const bytes = await readFile(path.join(dist, name)).catch(() => null);
      if (bytes) return answer.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policy }).end(bytes);
    }
    this.#pass(request, answer, `/${target}`);
  }

  #pass(request, answer, target) {
    const headers = { ...request.headers, host: `127.0.0.1:${this.#upstream.port}` };
    if (headers.origin) headers.origin = this.#upstream.origin;
    const passed = http.request({ host: '127.0.0.1', port: this.#upstream.port, path: target, method: request.method, headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
      got.on('error', () => answer.destroy());
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    request.pipe(passed);
  }
}
