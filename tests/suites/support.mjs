// What the suites share: one server for a file of tests, bulk writes by text, and exceptions that must be needed.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { Server } from '../web/support/server.mjs';

// Starts before the file's tests and ends behind them. `options` may be a function that makes them.
export function serverForAll(options = {}) {
  const shared = {};
  before(async () => (shared.server = await Server.start(typeof options === 'function' ? await options() : options)));
  after(() => shared.server?.close());
  return shared;
}

// A body of bytes or text as it is. The answer, its text, and what the text says.
export async function post(server, target, body, headers = {}) {
  const answer = await fetch(server.origin + target, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body,
    signal: AbortSignal.timeout(60_000),
  });
  const text = await answer.text();
  return { status: answer.status, text, headers: answer.headers, json: () => JSON.parse(text) };
}

export async function get(server, target, headers = {}) {
  const answer = await fetch(server.origin + target, { headers, signal: AbortSignal.timeout(60_000) });
  const text = await answer.text();
  return { status: answer.status, text, headers: answer.headers, json: () => JSON.parse(text) };
}

// Runs `verdict(name)` → true when the case went as its suite has it, and compares with the list of exceptions.
export async function holdAgainst(names, exceptions, verdict) {
  const [failing, needless] = [[], []];
  for (const name of names) {
    const excused = Object.hasOwn(exceptions, name);
    const passed = await verdict(name, excused);
    if (!passed && !excused) failing.push(name);
    if (passed && excused) needless.push(name);
  }
  assert.deepEqual(failing, [], 'cases that differ and are no listed exceptions');
  assert.deepEqual(needless, [], 'exceptions that are not needed');
  const unknown = Object.keys(exceptions).filter((name) => !names.includes(name));
  assert.deepEqual(unknown, [], 'exceptions that the suite does not have');
}
