// A tab: a client over a backend, in a browser (the storage, Web Locks and channels that tabs share). It can be closed, crash
// and freeze.
import 'fake-indexeddb/auto';
import './globals.mjs';
import { Core } from '../../../../http/web/client/dist/modules/core.js';
import { entityInfos } from '../../../../http/web/client/dist/modules/generated/entities.js';
import { defaultLimits } from '../../../../http/web/client/dist/modules/limits.js';
import { Sync } from '../../../../http/web/client/dist/modules/sync.js';
import { Transport } from '../../../../http/web/client/dist/modules/transport.js';
import { until } from '../../support/wait.mjs';
import { FakeLocks } from './fake_locks.mjs';

export const quick = { ...defaultLimits, retryBaseMs: 2, retryCapMs: 20, pingMs: 60, leaseMs: 3_000, firstTryMs: 500, requestMs: 10_000 };

let browsers = 0;
// What the tabs of one person's browser share.
export class Browser {
  name = `browser-${++browsers}-${Math.random().toString(36).slice(2)}`;
  locks = new FakeLocks();
  tabs = new Set();

  async tab(backend, options = {}) {
    const { limits = {}, token, sharing = true, url = 'http://backend.test', storageVersion, fetch = backend.fetch, user = '', actor, hold } = options;
    const tab = new Tab();
    const given = async (...request) => {
      await tab.thawed;
      if (tab.isDead) return never(request[1]?.signal);
      const answer = await fetch(...request);
      await tab.onItsWay(...request);
      await tab.thawed;
      return tab.isDead ? never(request[1]?.signal) : answer;
    };
    const transport = new Transport(url, token, given, { ...quick, ...limits }, actor);
    const channels = class extends BroadcastChannel {
      constructor(name) {
        super(name);
        tab.channel = this;
      }
    };
    const platform = { locks: sharing ? this.locks : undefined, BroadcastChannel: channels };
    tab.core = new Core(this.name + user, transport, transport.limits, entityInfos, platform, storageVersion);
    tab.sync = new Sync(tab.core);
    this.tabs.add(tab);
    if (hold) tab.core.hold();
    await tab.core.start();
    return tab;
  }

  // The storage's name, as a tab without a user has it.
  get storage() {
    return this.name;
  }

  async close() {
    for (const tab of this.tabs) await tab.close();
  }
}

// What a dead page asks is not answered.
const never = (signal) =>
  new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason));
  });

class Tab {
  isDead = false;
  died = new Promise((resolve) => (this.die = resolve));
  thawed = Promise.resolve();
  /** How long what has been answered takes to arrive. */
  onItsWay = () => {};
  #thaw = () => {};

  collection(name) {
    return this.sync.collection(name);
  }
  get status() {
    return this.sync.status.value;
  }
  until(what, condition) {
    return until(what, () => condition(this.status), { everyMs: 2, timeoutMs: 10_000, describe: () => JSON.stringify(this.status) });
  }

  // As a killed process: nothing of it goes on, and what it held is free.
  crash() {
    if (this.isDead) return;
    this.isDead = true;
    this.die();
    this.core.database.close();
    void this.core.close();
  }

  // As a page that the browser freezes: it answers nothing and keeps its locks.
  freeze() {
    this.thawed = new Promise((resolve) => (this.#thaw = resolve));
    this.handler = this.channel.onmessage;
    this.missed = [];
    this.channel.onmessage = (message) => this.missed.push(message);
  }
  thaw() {
    this.#thaw();
    this.channel.onmessage = this.handler;
    for (const message of this.missed) this.handler(message);
  }

  async close() {
    if (this.isDead) return;
    this.#thaw();
    await this.core.close();
    this.isDead = true;
  }
}
