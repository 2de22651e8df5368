// Writers that never give up: each saves one record after another, and repeats a save with the same Idempotency-Key
// until it is answered, whatever happens to the server meanwhile. They go at a walking pace: the log stays readable.
import { patienceMs, pause, until } from './wait.mjs';

const walkingPaceMs = 25;
const retryPauseMs = 50;
const answerTimeoutMs = 5_000;

export class Writers {
  #server;
  #branches;
  #stopping = false;
  #failure = null;
  #running;
  acknowledged = new Map(); // record id → position
  repeated = 0; // saves that needed more than one request

  constructor(server, { count = 4, branches = ['north', 'south', 'east'] } = {}) {
    this.#server = server;
    this.#branches = branches;
    const fail = (error) => (this.#failure ??= error);
    this.#running = Array.from({ length: count }, (_, index) => this.#write(`CLT-w${index}`).catch(fail));
  }

  // Returns when `count` more records are acknowledged than now.
  async advance(count) {
    const wanted = this.acknowledged.size + count;
    await until(`${wanted} acknowledged records`, () => this.#failure || this.acknowledged.size >= wanted, {
      describe: () => `there are ${this.acknowledged.size}`,
    });
    if (this.#failure) throw this.#failure;
  }

  // Every save under way is finished first.
  async stop() {
    this.#stopping = true;
    await Promise.all(this.#running);
    if (this.#failure) throw this.#failure;
  }

  // Gives up what is under way: for the end of a test, which may have failed.
  async close() {
    this.#stopping = true;
    this.#failure ??= new Error('closed');
    await Promise.all(this.#running);
  }

  async #write(prefix) {
    for (let number = 0; !this.#stopping; ++number) {
      const id = `${prefix}-${number}`;
      const record = { id, full_name: `Writer ${id}`, branch: this.#branches[number % this.#branches.length] };
      await this.#save(id, record);
      await pause(walkingPaceMs);
    }
  }

  async #save(id, record) {
    const end = Date.now() + patienceMs;
    for (let attempt = 1; ; ++attempt) {
      if (attempt === 2) ++this.repeated;
      const saved = await this.#attempt(id, record);
      if (saved) {
        this.acknowledged.set(id, saved.position);
        return;
      }
      if (this.#failure) throw this.#failure;
      if (Date.now() > end) throw new Error(`${id} was not saved in ${patienceMs} ms`);
      await pause(retryPauseMs);
    }
  }

  // The saved record; null when the server could not be reached or said to come again.
  async #attempt(id, record) {
    let answer, text;
    try {
      answer = await fetch(`${this.#server.origin}/api/clients`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': id },
        body: JSON.stringify(record),
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
      text = await answer.text();
    } catch {
      return null;
    }
    if (answer.status === 201) return JSON.parse(text);
    if (answer.status === 503) return null;
    throw new Error(`${id}: ${answer.status} ${text}`);
  }
}
