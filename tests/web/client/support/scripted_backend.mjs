// A backend in memory that a test can stop, slow down, and make lose answers: what the client sees of the real one, as far
// as the client depends on it. Its fetch() takes the place of the browser's.
const keyFields = { clients: 'reference_number', distributors: 'distributor_code' };
const required = { clients: 'full_name', distributors: 'distributor_name' };
const head = ['id', 'version', 'position', 'created_at', 'updated_at', 'expected_version'];

const merge = (target, patch) => {
  const made = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete made[name];
    else made[name] = typeof value === 'object' && !Array.isArray(value) ? merge(made[name], value) : value;
  }
  return made;
};
const titles = { 400: 'The request is wrong', 401: 'A valid token is needed', 404: 'Not found', 409: 'Conflict', 422: 'Not valid' };
const refusal = (status, code, more = {}) => ({ status, body: { code, title: titles[status] ?? 'Refused', status, ...more } });

export class ScriptedBackend {
  log = [];
  records = new Map(); // entity/id → { row, version, position }
  applied = new Map(); // Idempotency-Key → how often it was carried out
  requests = []; // { method, path, status, key }
  isUp = true;
  token = null; // with one, requests need it
  actor = null; // whom it admits, with one: writes that say they are of somebody else are refused
  epoch = 'aaaaaaaa';
  clockOffMs = 0;
  openStreams = new Set();
  streamsOpened = 0;
  unauthorizedWrites = 0;
  #answers = new Map();
  #script = []; // what happens to the next requests that match

  /** The next request whose `METHOD path` matches is treated so: 'lose' (done, the answer lost), 'fail' (not done), or a function of the answer. */
  next(pattern, treatment) {
    this.#script.push({ pattern, treatment });
  }

  forget() {
    this.#script = [];
  }

  stop() {
    this.isUp = false;
    this.dropStreams();
  }
  start() {
    this.isUp = true;
  }
  dropStreams() {
    for (const stream of [...this.openStreams]) stream.fail();
  }
  // Another history: everything is gone but what `records` says.
  restoreEmpty(epoch = 'bbbbbbbb') {
    this.dropStreams();
    this.epoch = epoch;
    this.log = [];
    this.records.clear();
    this.#answers.clear();
  }

  get head() {
    return this.cursorAt(this.log.length);
  }
  cursorAt(position) {
    return `${position}-${this.epoch}`;
  }
  rows(entity) {
    return [...this.records]
      .filter(([key, { row }]) => row && key.startsWith(`${entity}/`))
      .map(([, { row }]) => row)
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  /** Somebody else's change: as PATCH, of a record that need not be there. */
  change(entity, id, fields) {
    return this.#save(entity, { id, ...fields }, { merges: true }).body;
  }
  remove(entity, id) {
    return this.#remove(entity, [id]);
  }

  fetch = async (input, init = {}) => {
    const url = new URL(input);
    const method = init.method ?? 'GET';
    const name = `${method} ${url.pathname}${url.search}`;
    const at = this.#script.findIndex(({ pattern }) => name.match(pattern));
    const treatment = at < 0 ? undefined : this.#script.splice(at, 1)[0].treatment;
    await new Promise((resolve) => setImmediate(resolve));
    init.signal?.throwIfAborted();
    if (!this.isUp || treatment === 'fail') throw new TypeError('fetch failed');
    if (typeof treatment === 'function') {
      const special = await treatment({ url, init, signal: init.signal });
      if (special) return special;
    }
    const headers = new Headers(init.headers);
    const said = headers.get('Synclog-Actor');
    const isElse = this.actor !== null && said !== null && Buffer.from(said, 'latin1').toString() !== this.actor;
    if (isElse || (this.token && headers.get('Authorization') !== `Bearer ${this.token}`)) {
      if (method !== 'GET') ++this.unauthorizedWrites;
      return this.#respond(refusal(401, 'unauthorized'));
    }
    if (url.pathname === '/api/events') return this.#stream(url, headers, init.signal);
    const key = headers.get('Idempotency-Key');
    const answer = this.#keyed(key, `${name} ${init.body ?? ''}`, () => this.#handle(method, url, init.body && JSON.parse(init.body), headers));
    this.requests.push({ method, path: url.pathname, status: answer.status, key });
    await new Promise((resolve) => setImmediate(resolve));
    if (treatment === 'lose') throw new TypeError('fetch failed');
    init.signal?.throwIfAborted();
    return this.#respond(answer);
  };

  #respond({ status, body, replayed, head = this.head }) {
    const headers = {
      'Content-Type': status >= 400 && !body.results ? 'application/problem+json' : 'application/json',
      'Sync-Position': head,
      Date: new Date(Date.now() + this.clockOffMs).toUTCString(),
    };
    if (replayed) headers['Idempotency-Replayed'] = 'true';
    return new Response(JSON.stringify(body), { status, headers });
  }

  #keyed(key, request, handle) {
    if (!key) return { ...handle(), head: this.head };
    const before = this.#answers.get(key);
    if (before && before.request !== request) return refusal(422, 'idempotency_mismatch');
    if (before) return { ...before.answer, replayed: true };
    const answer = handle();
    if (answer.status < 300) this.applied.set(key, (this.applied.get(key) ?? 0) + 1);
    this.#answers.set(key, { request, answer });
    return answer;
  }

  #handle(method, url, body, headers) {
    const [, api, entity, id, part] = url.pathname.split('/').map(decodeURIComponent);
    if (url.pathname === '/version') return { status: 200, body: { name: 'synclog', version: 'scripted' } };
    if (api !== 'api' || entity === 'nope') return refusal(404, 'not_found');
    if (method === 'GET' && part === 'history') return { status: 200, body: this.#history(entity, id) };
    if (method === 'GET' && id) return this.#get(entity, id, url.searchParams.get('version'));
    if (method === 'GET') return this.#list(entity, url.searchParams);
    if (method === 'DELETE') return this.#remove(entity, [id]);
    const how = method === 'PATCH' ? { merges: true, exists: true } : {};
    if (Array.isArray(body)) return this.#bulk(entity, body, how, headers);
    return this.#save(entity, id === undefined ? body : { ...body, id }, how);
  }

  #get(entity, id, version) {
    const row =
      version === null
        ? this.records.get(`${entity}/${id}`)?.row
        : this.log.find((event) => event.resource === entity && event.id === id && event.version === Number(version))?.data;
    return row ? { status: 200, body: row } : refusal(404, 'not_found');
  }

  #history(entity, id) {
    return this.log
      .filter((event) => event.resource === entity && event.id === id)
      .map(({ version, position, action, actor, recorded_at }) => ({ version, position, action, actor, recorded_at, changes: [] }));
  }

  #list(entity, parameters) {
    const filters = [...parameters].filter(([name]) => !['limit', 'sort', 'search'].includes(name));
    if (parameters.has('nonsense')) return refusal(400, 'bad_request');
    const names = [...new Set(filters.map(([name]) => name))];
    const rows = this.rows(entity).filter((row) => names.every((name) => parameters.getAll(name).includes(String(row[name] ?? ''))));
    rows.sort((left, right) => (left.created_at + left.id < right.created_at + right.id ? 1 : -1));
    return { status: 200, body: rows.slice(0, Number(parameters.get('limit') ?? Infinity)) };
  }

  // A field that holds an object is merged into by PATCH, and replaced by POST.
  #save(entity, given, { merges = false, exists = false } = {}) {
    const keyField = keyFields[entity];
    const held = keyField && given[keyField] && this.rows(entity).find((row) => row[keyField] === given[keyField]);
    const id = given.id ?? held?.id ?? `SRV-${this.log.length + 1}`;
    const before = this.records.get(`${entity}/${id}`);
    if (held && held.id !== id) return refusal(409, 'taken', { errors: [{ pointer: `/${keyField}`, detail: 'taken' }] });
    const stands = before?.row ?? null;
    if (given.expected_version !== undefined && given.expected_version !== (stands?.version ?? 0)) {
      return refusal(409, 'stale_version', stands ? { current: stands } : {});
    }
    if (!stands && exists) return refusal(404, 'not_found');
    const fields = Object.fromEntries(Object.entries(given).filter(([name]) => !head.includes(name)));
    const needed = required[entity];
    const merged = { ...(stands ?? {}) };
    for (const [name, value] of Object.entries(fields)) {
      merged[name] = merges && value !== null && typeof value === 'object' && !Array.isArray(value) ? merge(merged[name], value) : value;
    }
    if (needed && !merged[needed]) {
      return refusal(422, 'invalid', { errors: [{ pointer: `/${needed}`, detail: 'is required' }] });
    }
    if (stands && JSON.stringify(merged) === JSON.stringify(stands)) return { status: 200, body: stands, word: 'unchanged' };
    const position = this.log.length + 1;
    const version = (before?.version ?? 0) + 1;
    const now = `2026-11-26T10:00:00.${String(position).padStart(6, '0')}Z`;
    const row = { ...merged, id, version, position, created_at: stands?.created_at ?? now, updated_at: now };
    this.records.set(`${entity}/${id}`, { row, version, position });
    this.#append(entity, id, version, stands ? 'updated' : 'created', row);
    return { status: stands ? 200 : 201, body: row, word: stands ? 'updated' : 'created' };
  }

  #remove(entity, ids) {
    const there = ids.filter((id) => this.records.get(`${entity}/${id}`)?.row);
    if (there.length === 0) return refusal(404, 'not_found');
    for (const id of there) {
      const record = this.records.get(`${entity}/${id}`);
      const { row } = record;
      record.row = null;
      record.position = this.log.length + 1;
      this.#append(entity, id, ++record.version, 'deleted', row);
    }
    return { status: 200, body: { success: true, count: there.length, cursor: this.head } };
  }

  #bulk(entity, items, how, headers) {
    const results = items.map((item, index) => {
      const { status, body, word } = this.#save(entity, item, how);
      if (status >= 400) return { index, id: item.id, status: 'rejected', code: body.code, errors: body.errors, current: body.current };
      const record = headers.get('Prefer') === 'return=representation' ? { record: body } : {};
      return { index, id: body.id, status: word, version: body.version, ...record };
    });
    const rejected = results.filter(({ status }) => status === 'rejected').length;
    const status = rejected === 0 ? 200 : rejected === items.length ? 422 : 207;
    return { status, body: { success: rejected === 0, count: items.length - rejected, rejected, cursor: this.head, results } };
  }

  #append(resource, id, version, action, data) {
    const position = this.log.length + 1;
    this.log.push({
      type: 'event', position, cursor: this.cursorAt(position), previous: position - 1, resource, action, id, version,
      branch: data.branch ?? null, actor: 'scripted', recorded_at: data.updated_at, data,
    });
    for (const stream of this.openStreams) stream.pump();
  }

  #stream(url, headers, signal) {
    const [position, epoch] = (headers.get('Last-Event-ID') ?? url.searchParams.get('after')).split('-');
    const resources = url.searchParams.getAll('resource');
    let at = Number(position);
    let controller;
    const encoder = new TextEncoder();
    const send = (text) => controller.enqueue(encoder.encode(text));
    const named = (event, data, id) => send(`event: ${event}\n${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(data)}\n\n`);
    let previous = at;
    const stream = {
      send,
      named,
      pump: () => {
        for (; at < this.log.length; ++at) {
          const event = this.log[at];
          if (resources.length > 0 && !resources.includes(event.resource)) continue;
          send(`id: ${event.cursor}\ndata: ${JSON.stringify({ ...event, previous })}\n\n`);
          previous = event.position;
        }
      },
      skip: () => ++at,
      fail: () => {
        this.openStreams.delete(stream);
        try {
          controller.error(new TypeError('terminated'));
        } catch {
          // The reader is gone.
        }
      },
    };
    const body = new ReadableStream({
      start: (made) => {
        controller = made;
        ++this.streamsOpened;
        this.openStreams.add(stream);
        send('retry: 20\n\n');
        if (at > this.log.length || (epoch && epoch !== this.epoch && at > 0)) {
          at = this.log.length;
          named('resync', { reason: 'other_history', cursor: this.head }, this.head);
        } else named('hello', { cursor: this.cursorAt(at) });
        stream.pump();
        named('caught_up', { cursor: this.head }, this.head);
      },
      cancel: () => void this.openStreams.delete(stream),
    });
    signal?.addEventListener('abort', () => stream.fail());
    return new Response(body, { status: 200, headers: { 'Content-Type': 'text/event-stream' } });
  }
}
