// A reverse proxy that publishes a server below a path prefix and takes the prefix off, as nginx does with
// `location /sync/ { proxy_pass http://server/; }`. `rewrite` changes single answers, to stand for another build.
import http from 'node:http';

export class PrefixProxy {
  #listener;
  rewrite = (_path, _body) => null; // a text instead of the answer's body

  static async start(server, prefix = '/sync/') {
    const proxy = new PrefixProxy();
    proxy.#listener = http.createServer((request, answer) => {
      if (!request.url.startsWith(prefix)) return void answer.writeHead(404).end();
      const path = `/${request.url.slice(prefix.length)}`;
      const headers = { ...request.headers };
      if (proxy.rewrite(path, null) !== null) delete headers['accept-encoding'];
      const asked = http.request({ host: '127.0.0.1', port: server.port, method: request.method, path: proxy.pathOf(path), headers }, (got) => {
        if (proxy.rewrite(path, null) === null) {
          answer.writeHead(got.statusCode, got.headers);
          got.pipe(answer);
          return;
        }
        const pieces = [];
        got.on('data', (piece) => pieces.push(piece));
        got.on('end', () => {
          const body = proxy.rewrite(path, Buffer.concat(pieces).toString('utf8'));
          const kept = Object.entries(got.headers).filter(([name]) => !['content-length', 'etag', 'transfer-encoding'].includes(name));
          answer.writeHead(got.statusCode, Object.fromEntries(kept));
          answer.end(body);
        });
      });
      asked.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
      request.on('close', () => !request.complete && asked.destroy());
      answer.on('close', () => asked.destroy());
      request.pipe(asked);
    });
    await new Promise((resolve) => proxy.#listener.listen(0, '127.0.0.1', resolve));
    proxy.url = `http://127.0.0.1:${proxy.#listener.address().port}${prefix}`;
    return proxy;
  }

  /** What the server is asked for a path: the path itself, unless a test gives files other names. */
  pathOf = (path) => path;

  async close() {
    this.#listener.closeAllConnections?.();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}
