// A random history: a person with one or two tabs, each with several live views and some with a listener that throws, others
// who change the same records, a network that fails in every way and whose answers come late, a storage that is slow, and
// pages that die. At the end everything heals, and what must hold is checked.
//
// `world`: where it happens: fetch, stop(), start(), dropStreams(), next(pattern, 'lose' | 'fail'), change(id, fields),
// remove(id), rows(), log(): the backend's, the last four maybe asynchronous.
import assert from 'node:assert/strict';
import { pause, until } from '../../support/wait.mjs';
import { seeded } from '../../support/random.mjs';
import { comparator, matcher } from '../../../../http/web/client/dist/modules/query.js';
import { PageFault } from './page_faults.mjs';
import { Browser } from './tab.mjs';

const fields = ['phone', 'city', 'address'];
const branches = ['north', 'south'];
const others = ['visits', 'campaigns', 'appointments'];
const queries = [{}, { branch: 'north' }, { branch: 'south', sort: 'id' }, { branch: branches }];
const maxResolutions = 200;
const mostLateMs = 25;
const fewEvents = 5; // as if 10,000 of them had been missed

export async function runHistory(world, seed, { steps = 14, prefix = '' } = {}) {
  const history = new History(world, seed, prefix);
  try {
    await history.run(steps);
  } finally {
    await history.browser.close();
  }
  return history;
}

class History {
  browser = new Browser();
  told = []; // what happened, for the message of a failure
  #tabs = [];
  #logText;
  #marks = 0;
  #promised = new Map(); // mark → the key of its operation, for saves that were answered
  #discarded = new Set(); // keys
  #sweeping = new Set(); // marks of saves without a version: they mean that nothing but what they say is in the object
  #removes = new Map(); // mark → the names that are taken out of the object with it
  #unseen = new Map(); // mark → the page's own that were not known to be saved when its row was read
  #unsaved = new Set();
  #saving = new Set();
  #others = 0;

  constructor(world, seed, prefix) {
    this.world = world;
    this.seed = seed;
    this.prefix = prefix;
    this.random = seeded(seed);
    this.limits = this.random() < 0.5 ? { maxCatchUpEvents: fewEvents } : {};
  }

  #pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }
  #note(text) {
    this.told.push(text);
  }

  async run(steps) {
    try {
      await this.#open();
      for (let step = 0; step < steps; ++step) {
        await this.#step();
        if (this.random() < 0.4) await pause(Math.floor(this.random() * 8));
      }
      await this.#heal();
      await this.#check();
    } catch (error) {
      throw new Error(`seed ${this.seed}: ${error.message}\n${this.told.join('\n')}\n${this.#logText ?? ''}`, { cause: error });
    }
  }

  async #open() {
    const { tabOptions } = this.world;
    const tab = await this.browser.tab(this.world, { ...tabOptions, limits: { ...tabOptions.limits, ...this.limits } });
    const clients = tab.collection('clients');
    this.#slowDown(tab);
    if (this.random() < 0.4) {
      const fail = () => { throw new PageFault('of the page'); };
      clients.watch({ onChange: fail, onReload: fail });
    }
    tab.views = [...queries, ...(this.prefix ? [] : [{ limit: 2 }])].map((query) => {
      const view = { query, rows: [] };
      clients.live(query, (rows) => (view.rows = rows));
      return view;
    });
    this.#tabs.push(tab);
    return tab;
  }

  // Answers that come late, and for as long as somebody wants it, a storage that is slow.
  #slowDown(tab) {
    const late = () => pause(Math.floor(this.random() * mostLateMs));
    tab.isSlow = this.random() < 0.5;
    tab.onItsWay = () => (tab.isFar || this.random() < 0.2 ? late() : undefined);
    const { database } = tab.core;
    const run = database.run.bind(database);
    database.run = async (...given) => {
      const answer = await run(...given);
      if (tab.isSlow) await late();
      return answer;
    };
  }

  async #step() {
    const kinds = ['add', 'add', 'update', 'update', 'update', 'remove', 'saveAll', 'save', 'other', 'other', 'otherRemoves',
      'stop', 'start', 'start', 'lose', 'lose', 'fail', 'drop', 'crash', 'second', 'resolve', 'slow', 'follow', 'follow', 'get', 'late', 'late', 'sleep', 'sleep'];
    const kind = this.#pick(kinds);
    const tab = this.#pick(this.#tabs);
    const ids = [...tab.core.ids('clients')].filter((id) => id.startsWith(this.prefix) && tab.core.shown('clients', id));
    const id = this.#pick(ids);
    const clients = tab.collection('clients');
    switch (kind) {
      case 'add':
        return this.#save(tab, kind, (change) => clients.add({ id: `${this.prefix}c${++this.#others}`, full_name: 'New', ...change }), { isWhole: true });
      case 'update':
        return id && this.#save(tab, `update ${id}`, (change) => clients.update(id, change), { row: tab.core.shown('clients', id) });
      case 'save': {
        const row = tab.core.shown('clients', id);
        return id && this.#save(tab, `save ${id}`, (change) => clients.save({ ...row, ...change }), { row, stored: tab.core.cache.row('clients', id), isWhole: true });
      }
      case 'saveAll':
        return this.#saveAll(clients, ids.slice(0, 4), tab);
      case 'remove':
        this.#note(`remove ${id}`);
        return id && this.#track(tab, clients.remove(id));
      case 'other':
        this.#note(`others change ${id ?? 'one'}`);
        return this.world.change(id ?? `${this.prefix}o${++this.#others}`, {
          full_name: 'Other', branch: this.#pick(branches), [this.#pick(fields)]: `o${this.#others++}`, data: { [`o${this.#others}`]: 1 },
        });
      case 'otherRemoves':
        this.#note(`others remove ${id}`);
        return id && this.world.remove(id);
      case 'resolve':
        return this.#resolveOne(tab);
      case 'second':
        return this.#tabs.length < 2 && void (await this.#open(), this.#note('second tab'));
      case 'crash':
        this.#note('crash');
        tab.crash();
        this.#tabs = this.#tabs.filter((one) => one !== tab);
        return this.#tabs.length === 0 && void (await this.#open());
      case 'slow':
        this.#note((tab.isSlow = !tab.isSlow) ? 'slow' : 'fast');
        return false;
      case 'follow': // the stream begins again
        this.#note('follow another');
        return this.#track(tab, tab.collection(this.#pick(others)).load());
      case 'get':
        this.#note(`get ${id}`);
        return id && void this.#track(tab, clients.get(id));
      case 'late':
        return this.#askEarly(tab, clients);
      case 'sleep':
        return this.#sleep(tab, clients, id);
      case 'drop':
        return this.world.dropStreams();
      case 'lose':
      case 'fail':
        this.#note(kind);
        return this.world.next(/^(POST|PATCH|DELETE)/, kind);
      default:
        this.#note(kind);
        return this.world[kind]();
    }
  }

  // Asks for a record, and for its removal, just before somebody creates it; the answers arrive later.
  async #askEarly(tab, clients) {
    const id = `${this.prefix}o${++this.#others}`;
    this.#note(`ask for ${id}, then others create it`);
    tab.isFar = true;
    this.#track(tab, this.random() < 0.7 ? clients.get(id) : clients.remove(id));
    await pause(3);
    tab.isFar = false;
    await this.world.change(id, { full_name: 'Other', branch: this.#pick(branches) });
  }

  // The device sleeps while much happens; when it wakes a list is there before the stream.
  async #sleep(tab, clients, id) {
    this.#note('sleep');
    this.world.dropStreams();
    for (let n = 0; n <= fewEvents; ++n) {
      await this.world.change(id ?? `${this.prefix}o${++this.#others}`, { full_name: 'Other', [this.#pick(fields)]: `o${this.#others++}` });
    }
    this.#track(tab, clients.load({ branch: this.#pick(branches) }));
  }

  // A change with a mark that no other has, so that it can be found in the log, and a field that others may change too. `row`: what
  // it is a change of; `stored`: of it what the backend had said; `isWhole`: the object is given as it shall be, else as a patch. Now and then a name is taken out of it.
  #change({ row = null, stored = null, isWhole = false } = {}) {
    const mark = `m${++this.#marks}`;
    const there = row?.data ?? {};
    this.#unseen.set(mark, new Set([...this.#unsaved].filter((one) => !(one in there))));
    this.#unsaved.add(mark);
    // Of a whole row only what the backend had in this version of it: nobody can tell later that the page saw the rest.
    const names = Object.keys((isWhole ? stored?.data : there) ?? {}).filter((name) => name in there);
    const out = this.random() < 0.3 ? this.#pick(names) : undefined;
    if (out !== undefined) this.#removes.set(mark, out);
    const data = isWhole && row?.version !== undefined ? { ...there, [mark]: 1 } : { [mark]: 1 };
    if (isWhole && row?.version === undefined) this.#sweeping.add(mark);
    else if (out !== undefined) isWhole ? delete data[out] : (data[out] = null);
    const moved = this.random() < 0.3 ? { branch: this.#pick(branches) } : {};
    return { mark, change: { [this.#pick(fields)]: `v${this.#marks}`, ...moved, data } };
  }

  async #save(tab, what, save, of) {
    const { mark, change } = this.#change(of);
    this.#note(`${what} ${mark} ${JSON.stringify(change)}`);
    const saved = this.#track(tab, save(change).then(({ key, stored }) => {
      if (tab.isDead) return; // nobody is there to be promised anything
      this.#promised.set(mark, key);
      if (stored === 'backend') this.#unsaved.delete(mark);
      this.#note(`  ${mark}: ${stored}`);
    }));
    if (this.random() < 0.6) await saved;
  }

  async #saveAll(clients, ids, tab) {
    const marks = [];
    const list = ids.map((id) => {
      const row = tab.core.shown('clients', id);
      const { mark, change } = this.#change({ row, stored: tab.core.cache.row('clients', id), isWhole: true });
      marks.push(mark);
      return { ...row, ...change };
    });
    this.#note(`saveAll ${ids} ${marks}`);
    const before = new Set(tab.core.outbox.operations.map(({ key }) => key));
    const saved = this.#track(tab, clients.saveAll(list));
    // Which operation it became is not told; the children of a bulk are named after it.
    await until('written down', () => list.length === 0 || tab.isDead || tab.core.outbox.operations.some(({ key }) => !before.has(key)) || saved.isDone, { everyMs: 1 });
    if (this.random() < 0.6) await saved;
  }

  // Waits for an answer, not for one that a dead page will never get.
  #track(tab, promise) {
    const tracked = Promise.race([promise, tab.died]).then(() => (tracked.isDone = true), (error) => {
      tracked.isDone = true;
      this.#note(`  threw ${error.message}`);
    });
    this.#saving.add(tracked);
    return tracked;
  }

  async #resolveOne(tab) {
    const item = this.#pick(tab.sync.attention.value);
    if (!item) return false;
    const choice = item.problem.code === 'invalid' ? { ...item.mine, full_name: 'Corrected' } : this.#pick(['mine', 'theirs', 'mine']);
    this.#note(`resolve ${item.id} ${item.problem.code}: ${JSON.stringify(choice)}`);
    if (choice === 'theirs') this.#discarded.add(item.key);
    await Promise.race([tab.sync.resolve(item.key, choice).catch(() => {}), tab.died]);
    return true;
  }

  async #heal() {
    this.#note('heal');
    this.world.heal();
    await Promise.all(this.#saving);
    const [tab] = this.#tabs;
    for (let count = 0; ; ++count) {
      assert.ok(count < maxResolutions, 'conflicts come to an end');
      await until('all sent', async () => (await this.#unsent(tab)) === 0 || tab.status.attention > 0, {
        everyMs: 1, timeoutMs: 20_000, describe: () => JSON.stringify([tab.status, tab.core.outbox.operations]),
      });
      if (!(await this.#resolveOne(tab)) && (await this.#unsent(tab)) === 0) break;
    }
  }

  // What no tab has sent, and what is to be decided in one that this one has not heard of yet.
  async #unsent(tab) {
    const stored = await tab.core.database.run((handle) => handle.getAll('operations'));
    const isKnown = ({ key }) => tab.sync.attention.value.some((item) => item.key === key);
    return tab.status.unsent + stored.filter((operation) => operation.state === 'waiting' || !isKnown(operation)).length;
  }

  async #check() {
    const rows = (await this.world.rows()).filter(({ id }) => id.startsWith(this.prefix));
    rows.sort((left, right) => (left.id < right.id ? -1 : 1));
    const known = (tab) =>
      [...tab.core.ids('clients')].map((id) => tab.core.shown('clients', id))
        .filter((row) => row?.id.startsWith(this.prefix)).sort((left, right) => (left.id < right.id ? -1 : 1));
    // A tab that has just been opened knows nothing yet, which equals a backend without records.
    const head = (await this.world.log()).findLast(({ resource }) => resource === 'clients')?.position ?? 0;
    const upToDate = (tab) => Number.parseInt(tab.core.cache.cursor('clients') ?? '0', 10) >= head;
    const same = (tab) => upToDate(tab) && JSON.stringify(known(tab)) === JSON.stringify(rows);
    for (const tab of this.#tabs) await until('every tab equals the backend', () => same(tab), { everyMs: 1, timeoutMs: 15_000, describe: () => difference(known(tab), rows) });
    for (const tab of this.#tabs) await this.#checkViews(tab, rows);
    for (const tab of this.#tabs) await tab.close();
    const next = await this.browser.tab(this.world, this.world.tabOptions);
    await next.core.cache.hydrate('clients');
    // A tab that has begun anew may have died before it had loaded all of it again: what is there must be right.
    const kept = new Set(known(next).map(({ id }) => id));
    const stored = this.limits.maxCatchUpEvents ? rows.filter(({ id }) => kept.has(id)) : rows;
    assert.deepEqual(known(next), stored, 'what the storage has equals the backend');
    this.#checkOnce(await this.world.log());
  }

  async #checkViews(tab, rows) {
    for (const view of tab.views) {
      const { query } = view;
      const shown = () => view.rows.filter(({ id }) => id.startsWith(this.prefix));
      const wanted = rows.filter(matcher({}, { ...query, limit: undefined })).sort(comparator({}, query)).slice(0, query.limit);
      await until(`every view equals the backend: ${JSON.stringify(query)}`, () => JSON.stringify(shown()) === JSON.stringify(wanted), {
        everyMs: 1, timeoutMs: 15_000, describe: () => difference(shown(), wanted),
      });
    }
  }

  #checkOnce(log) {
    this.#logText = log.map(({ id, version, action, data }) => `${id} ${version} ${action} ${JSON.stringify(data.data)}`).join('\n');
    const gained = new Map();
    const states = new Map();
    const ever = new Set();
    for (const { resource, id, action, data } of log) {
      if (resource !== 'clients' || !id.startsWith(this.prefix)) continue;
      const before = states.get(id) ?? {};
      const marks = action === 'deleted' ? {} : (data.data ?? {});
      for (const mark of Object.keys(marks)) {
        if (mark in before || (Object.keys(before).length === 0 && ever.has(mark))) continue; // a record that came back
        gained.set(mark, (gained.get(mark) ?? 0) + 1);
        ever.add(mark);
      }
      if (action === 'updated') this.#checkObject(id, before, marks);
      states.set(id, marks);
    }
    const takenOut = new Set(this.#removes.values()); // a row that was read before that brings them back
    for (const [mark, count] of gained) assert.ok(count === 1 || takenOut.has(mark), `${mark} was applied once, not ${count} times`);
    for (const [mark, key] of this.#promised) {
      if (!this.#discarded.has(key)) assert.ok(gained.has(mark), `${mark}, which was promised, is in the log`);
    }
    for (const [key, count] of this.world.applied ?? []) assert.equal(count, 1, `${key} was carried out once`);
    this.#checkGenerations();
  }

  // What is in an object stays until somebody takes it out, and goes then.
  #checkObject(id, before, after) {
    const came = Object.keys(after).filter((mark) => !(mark in before));
    const out = came.map((mark) => this.#removes.get(mark)).filter((mark) => mark !== undefined);
    for (const mark of out) assert.ok(!(mark in after), `${mark} was taken out of ${id} with ${came}`);
    if (came.some((mark) => this.#sweeping.has(mark))) return;
    // A row that was read before the page's own last change, and is saved after it, has the last word.
    const mayGo = (mark) => out.includes(mark) || came.some((one) => this.#unseen.get(one)?.has(mark));
    for (const mark of Object.keys(before)) assert.ok(mark in after || mayGo(mark), `${mark} stays in ${id} when ${came} comes`);
  }

  // A change that was sent again under a new key must not have been carried out under the old one.
  #checkGenerations() {
    const generations = new Map();
    for (const key of this.world.applied?.keys() ?? []) {
      const name = key.slice(0, key.lastIndexOf('.'));
      generations.set(name, (generations.get(name) ?? 0) + 1);
    }
    for (const [name, count] of generations) assert.equal(count, 1, `${name} was carried out in one form`);
  }
}

function difference(got, wanted) {
  const ids = new Set([...got, ...wanted].map(({ id }) => id));
  const of = (rows, id) => JSON.stringify(rows.find((row) => row.id === id));
  return [...ids].filter((id) => of(got, id) !== of(wanted, id)).map((id) => `\n  here ${of(got, id)}\n  there ${of(wanted, id)}`).join('');
}
