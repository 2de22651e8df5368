// A real `synclog serve` with a private PostgreSQL in a folder of its own, on a port that stays the same over restarts.
// Whoever starts one calls close(), which ends both and removes the folder.
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, within } from './wait.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const maxOutputBytes = 64 * 1024; // the end of it is kept
const portTries = 50;
const eventsPerPage = 1_000;
const requestTimeoutMs = 30_000;

function binary() {
  const built = [path.join(root, 'build/release/bin/synclog'), path.join(root, 'build/synclog')];
  const found = process.env.SYNCLOG_BINARY ?? built.find((file) => existsSync(file));
  if (!found) throw new Error(`no synclog in ${built.join(' or ')}: run tools/build, or set SYNCLOG_BINARY`);
  return found;
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

// Below the ports that the kernel gives to outgoing connections: while the server is down, one of those could take it.
async function findPort() {
  for (let tries = 0; tries < portTries; ++tries) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${portTries} ports was free`);
}

// Nothing of the caller's surroundings decides which database is used.
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name !== 'DATABASE_URL' && !/^(SYNCLOG_|PG)/.test(name)),
  );
}

const open = new Set(); // servers that are not closed
// Also when the run is interrupted. Node.js' own handlers take one signal, and a second would leave no time for this.
process.on('exit', () => open.forEach((server) => server.abandon()));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

export class Server {
  #arguments;
  #folder;
  #child = null;
  #exited = null; // of the run under way: its [code, signal]
  #output = '';

  // options: arguments (behind `serve --data-dir … --listen …`), port (undefined: a free one).
  static async start({ arguments: further = [], port } = {}) {
    const server = new Server();
    open.add(server);
    server.#arguments = further;
    server.port = port ?? (await findPort());
    server.#folder = await mkdtemp(path.join(os.tmpdir(), 'synclog-web-'));
    try {
      await chmod(server.#folder, 0o755); // as root, PostgreSQL runs as another user
      await server.start();
    } catch (error) {
      error.message += `\n${server.output}`;
      await server.close();
      throw error;
    }
    return server;
  }

  get origin() {
    const scheme = this.#arguments.includes('--tls-cert') ? 'https' : 'http';
    return `${scheme}://127.0.0.1:${this.port}`;
  }
  get socketUrl() {
    return `ws://127.0.0.1:${this.port}/ws`;
  }
  // What it printed, over all its runs.
  get output() {
    return this.#output;
  }

  // A subcommand beside it, for execFile(): program, arguments, options.
  command(subcommand) {
    return [binary(), [...subcommand, '--data-dir', path.join(this.#folder, 'data')], { env: cleanEnvironment() }];
  }

  // After stop() or kill9(): the same database on the same port. Returns when it listens.
  async start() {
    const listen = `127.0.0.1:${this.port}`;
    const child = spawn(
      binary(),
      ['serve', '--data-dir', path.join(this.#folder, 'data'), '--listen', listen, ...this.#arguments],
      // Detached: a terminal's Ctrl-C is for us, and would be a second signal to it, which ends it at once.
      { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    this.#child = child;
    let printed = '';
    const keep = (bytes) => {
      printed = (printed + bytes).slice(-maxOutputBytes);
      this.#output = (this.#output + bytes).slice(-maxOutputBytes);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve([code, signal]));
      child.once('error', (error) => {
        keep(`${error}\n`);
        resolve([-1, null]);
      });
    });
    let ended = false;
    this.#exited.then(() => (ended = true));
    await until('the server listens', () => ended || printed.includes(`listening on ${this.origin}\n`));
    if (ended) {
      this.#child = null;
      throw new Error(`the server ended instead of listening:\n${printed}`);
    }
  }

  // SIGTERM: the server ends its streams, drains, and stops its PostgreSQL. The exit code, or the signal that ended it.
  async stop() {
    this.#child.kill('SIGTERM');
    return this.#ended();
  }

  // The PostgreSQL goes on, as after a crash.
  async kill9() {
    this.#child.kill('SIGKILL');
    return this.#ended();
  }

  async #ended() {
    const [code, signal] = await within('the server ends', this.#exited);
    for (const pipe of [this.#child.stdout, this.#child.stderr]) pipe.destroy(); // others may hold them
    this.#child = null;
    return signal ?? code;
  }

  // Ends everything, whatever state it is in.
  async close() {
    try {
      if (this.#child) await this.stop();
      if (this.#runningPostmaster()) {
        await this.start(); // adopts it, and so stops it
        await this.stop();
      }
    } finally {
      if (this.#child) await this.kill9();
      const left = this.#runningPostmaster();
      if (left) process.kill(left, 'SIGQUIT');
      open.delete(this);
      await rm(this.#folder, { recursive: true, force: true, maxRetries: 20 });
    }
  }

  // This process ends without another turn: what runs is told to end by itself.
  abandon() {
    if (this.#child) this.#child.kill('SIGTERM');
    else if (this.#runningPostmaster()) process.kill(this.#runningPostmaster(), 'SIGINT');
  }

  // Its process id, or 0.
  #runningPostmaster() {
    try {
      const pid = Number.parseInt(readFileSync(path.join(this.#folder, 'data/pg/postmaster.pid'), 'utf8'), 10);
      process.kill(pid, 0);
      return pid;
    } catch {
      return 0; // no such file, or no such process
    }
  }

  // A request by fetch; a body that is no string is sent as JSON.
  async request(method, target, { body, headers = {} } = {}) {
    const options = { method, headers: { ...headers }, signal: AbortSignal.timeout(requestTimeoutMs) };
    if (body !== undefined) {
      options.headers['Content-Type'] ??= 'application/json';
      options.body = typeof body === 'string' ? body : JSON.stringify(body);
    }
    return fetch(this.origin + target, options);
  }

  // Saves a record and answers it as the server did.
  async save(entity, record) {
    const answer = await this.request('POST', `/api/${entity}`, { body: record });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`POST /api/${entity}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  // The envelopes of all events after a cursor: the truth that streams are held against.
  async log(after = '0') {
    const events = [];
    for (let more = true; more; ) {
      const answer = await this.request('GET', `/api/events?after=${after}&limit=${eventsPerPage}`);
      const text = await answer.text();
      if (!answer.ok) throw new Error(`GET /api/events: ${answer.status} ${text}`);
      events.push(...JSON.parse(text));
      after = answer.headers.get('sync-position');
      more = answer.headers.has('link');
    }
    return events;
  }

  // The newest cursor.
  async head() {
    const answer = await this.request('GET', '/api/clients?limit=1');
    await answer.arrayBuffer();
    return answer.headers.get('sync-position');
  }
}
