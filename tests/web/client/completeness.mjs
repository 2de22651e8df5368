// Nothing that is new is kept from a view, and nothing that exists is taken from one, however requests, the stream and the
// storage fall together.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { clientTest, following, idle, soon } from './behaviour.mjs';
import { PageFault, pageFaults } from './support/page_faults.mjs';
import { slowStorage } from './support/slow_storage.mjs';

const json = (backend, body, status = 200) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', 'Sync-Position': backend.head },
  });

function watch(page, query = {}) {
  const seen = { rows: [], calls: 0, fewest: Infinity };
  page.collection('clients').live(query, (rows) => {
    seen.rows = rows;
    ++seen.calls;
    seen.fewest = Math.min(seen.fewest, rows.length);
  }, (error) => (seen.error = error));
  seen.ids = () => seen.rows.map(({ id }) => id).sort().join();
  return seen;
}

// The next answer to a request that matches is the backend's of now, and arrives when it is told to.
function delayed(backend, pattern, answer) {
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  let asked = false;
  backend.next(pattern, async ({ signal }) => {
    asked = true;
    const now = answer();
    await Promise.race([arrived, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    return now;
  });
  return { arrive, asked: () => asked };
}

export function completenessTests() {
  describe('the stream', { concurrency: 4 }, streamTests);
  describe('begun anew', { concurrency: 4 }, anewTests);
  describe('late answers', { concurrency: 4 }, lateTests);
  describe('filters', { concurrency: 4 }, filterTests);
  describe('views begun signed out', { concurrency: 4 }, signedOutTests);
}

function streamTests() {
  clientTest('it begins again while the storage is slow: what it had just told is in all views and tabs', async ({ backend, tab }) => {
    const [page, other] = [await tab(), await tab()];
    const storage = slowStorage(page);
    const seen = [watch(page), watch(page, { branch: 'north' }), watch(other)];
    await following(backend, other);
    await following(backend, page);
    const opened = backend.streamsOpened;
    storage.hold();
    backend.change('clients', 'a', { full_name: 'A', branch: 'north' });
    await soon('known', () => page.core.cache.row('clients', 'a'));
    page.core.follow('distributors', backend.head); // as another list that is loaded
    page.core.follow('visits', backend.head);
    await soon('the stream ends', () => backend.openStreams.size === 0);
    storage.release();
    await soon('another stream', () => backend.streamsOpened > opened);
    backend.change('clients', 'b', { full_name: 'B', branch: 'north' });
    for (const one of seen) await soon('both', () => one.ids() === 'a,b');
  });

  clientTest('it is handed over while the storage is slow: what the old tab had just read is in its own views', async ({ backend, browser, tab }) => {
    const [page, other] = [await tab(), await tab()];
    const storage = slowStorage(page);
    const seen = [watch(page), watch(other)];
    await following(backend, other);
    await following(backend, page);
    storage.hold();
    backend.change('clients', 'a', { full_name: 'A' });
    await soon('known', () => page.core.cache.row('clients', 'a'));
    void browser.locks.request(browser.storage, { steal: true }, () => {}).catch(() => {}); // the next in line leads
    await soon('handed over', () => other.core.tabs.leads && !page.core.tabs.leads);
    storage.release();
    for (const one of seen) await soon('there', () => one.ids() === 'a');
  });

  clientTest('of another history while the storage is slow: nothing of the old one is told', async ({ backend, tab }) => {
    const page = await tab();
    backend.change('clients', 'old', { full_name: 'Old' });
    const seen = watch(page);
    await soon('loaded', () => seen.ids() === 'old');
    await following(backend, page);
    const storage = slowStorage(page);
    storage.hold();
    backend.change('clients', 'older', { full_name: 'Older' });
    await soon('known', () => page.core.cache.row('clients', 'older'));
    backend.restoreEmpty();
    backend.change('clients', 'new', { full_name: 'New' });
    storage.release();
    await soon('the new history', () => seen.ids() === 'new');
  });

  clientTest('a listener that throws keeps nothing from the others, in any tab', async ({ backend, tab }) => {
    const [page, other] = [await tab(), await tab()];
    const before = pageFaults.count;
    page.collection('clients').watch({
      onChange: () => { throw new PageFault('of the page'); },
      onReload: () => { throw new PageFault('of the page'); },
    });
    const seen = [watch(page), watch(other)];
    await following(backend, other);
    await following(backend, page);
    backend.change('clients', 'a', { full_name: 'A' });
    for (const one of seen) await soon('there', () => one.ids() === 'a');
    await page.collection('clients').add({ id: 'b', full_name: 'B' });
    for (const one of seen) await soon('there', () => one.ids() === 'a,b');
    backend.restoreEmpty();
    backend.change('clients', 'c', { full_name: 'C' });
    for (const one of seen) await soon('the new history', () => one.ids() === 'c');
    assert.ok(pageFaults.count > before, 'and what it throws is not hidden');
  });
}

function anewTests() {
  clientTest('a list that is far ahead takes nothing from the other views of the page', async ({ backend, tab }) => {
    const page = await tab({ limits: { maxCatchUpEvents: 10 } });
    for (const id of ['a', 'b', 'c']) backend.change('clients', id, { full_name: id, branch: id === 'c' ? 'south' : 'north' });
    const seen = [watch(page), watch(page, { branch: 'north' }), watch(page, { limit: 2 })];
    await soon('loaded', () => seen[0].ids() === 'a,b,c' && seen[1].ids() === 'a,b');
    await following(backend, page);
    const stream = delayed(backend, /api\/events/, () => null); // the list comes before it
    backend.dropStreams();
    backend.remove('clients', 'b');
    for (let n = 0; n < 20; ++n) backend.change('clients', 'd', { full_name: `D ${n}`, branch: 'south' });
    const { rows } = await page.collection('clients').load({ branch: 'south' });
    assert.deepEqual(rows.map(({ id }) => id).sort(), ['c', 'd']);
    assert.ok(seen[1].ids().includes('a'), 'before the stream goes on');
    stream.arrive();
    await following(backend, page);
    await soon('all', () => seen[0].ids() === 'a,c,d' && seen[1].ids() === 'a' && seen[2].ids() === 'c,d');
  });

  clientTest('views that show what an older page kept are loaded when a list begins it anew', async ({ backend, tab }) => {
    const older = await tab();
    for (const id of ['a', 'b']) backend.change('clients', id, { full_name: id, branch: 'north' });
    await older.collection('clients').load();
    await older.close();
    for (let n = 0; n < 20; ++n) backend.change('clients', 'd', { full_name: `D ${n}`, branch: 'south' });
    const page = await tab({ limits: { maxCatchUpEvents: 10 } });
    await page.until('online', ({ connection }) => connection === 'online');
    backend.next(/^GET \/api\/clients/, () => json(backend, { code: 'too_many_requests' }, 429));
    const seen = watch(page, { branch: 'north' });
    await soon('what was kept', () => seen.ids() === 'a,b');
    await soon('asked in vain', () => seen.calls === 2);
    backend.change('clients', 'b', { city: 'x' });
    await page.collection('clients').load({ branch: 'south' });
    await soon('loaded', () => seen.ids() === 'a,b' && seen.rows.some(({ city }) => city === 'x'));
    assert.equal(seen.fewest, 2, 'never without them');
  });
}

function lateTests() {
  clientTest('a list begins it anew, late: what was heard meanwhile stays', async ({ backend, tab }) => {
    const older = await tab();
    backend.change('clients', 'a', { full_name: 'A', branch: 'north' });
    await older.collection('clients').load();
    await older.close();
    for (let n = 0; n < 20; ++n) backend.change('clients', 'd', { full_name: `D ${n}`, branch: 'south' });
    const page = await tab({ limits: { maxCatchUpEvents: 10 } });
    const answer = delayed(backend, /^GET \/api\/clients/, () => json(backend, backend.rows('clients')));
    const loading = page.collection('clients').load();
    await soon('asked', answer.asked);
    const row = backend.change('clients', 'b', { full_name: 'B' });
    page.core.cache.absorb([{ entity: 'clients', id: 'b', row, position: row.position, atMs: 0 }]); // as another tab tells it
    answer.arrive();
    await loading;
    assert.deepEqual(['a', 'b', 'd'].filter((id) => !page.collection('clients').known(id)), []);
  });

  clientTest('not found, said late: a record that was created meanwhile stays', async ({ backend, tab }) => {
    const page = await tab();
    const seen = watch(page);
    await following(backend, page);
    const answer = delayed(backend, /^GET \/api\/clients\/a/, () => json(backend, { code: 'not_found' }, 404));
    const getting = page.collection('clients').get('a');
    await soon('asked', answer.asked);
    backend.change('clients', 'a', { full_name: 'A' });
    await soon('created', () => seen.ids() === 'a');
    answer.arrive();
    assert.equal((await getting).record?.full_name, 'A');
    assert.equal(seen.ids(), 'a');
    await page.close();
    const next = await tab();
    await next.core.cache.hydrate('clients');
    assert.ok(next.core.shown('clients', 'a'), 'nor is it gone for the next page');
  });

  clientTest('not found, when nothing has changed: the record is gone', async ({ backend, tab }) => {
    const page = await tab();
    backend.change('clients', 'a', { full_name: 'A' });
    const seen = watch(page);
    await soon('loaded', () => seen.ids() === 'a');
    backend.next(/^GET \/api\/clients\/a/, () => json(backend, { code: 'not_found' }, 404));
    assert.deepEqual(await page.collection('clients').get('a'), { record: null, source: 'backend' });
    assert.equal(seen.ids(), '');
  });

  clientTest('a removal that found nothing, said late: a record that was created meanwhile stays', async ({ backend, tab }) => {
    const page = await tab();
    const seen = watch(page);
    await following(backend, page);
    const answer = delayed(backend, /^DELETE/, () => json(backend, { code: 'not_found' }, 404));
    const removing = page.collection('clients').remove('a');
    await soon('asked', answer.asked);
    backend.change('clients', 'a', { full_name: 'A' });
    await soon('known', () => page.core.cache.row('clients', 'a'));
    answer.arrive();
    await removing;
    await idle(page);
    await soon('there', () => seen.ids() === 'a');
  });
}

function filterTests() {
  const at = '2026-11-26T10:00:00.';
  const cases = [
    ['a moment with an offset', { 'created_at[lte]': '2026-11-26T17:00:00.000001+07:00' }, ['r1'], { 'created_at[lte]': '2026-11-26T10:00:00+07:00' }],
    ['a moment to the second', { 'created_at[gte]': '2026-11-26T10:00:00Z' }, ['r1', 'r2'], { 'created_at[lt]': '2026-11-26T10:00:00Z' }],
    ['a day as a moment', { 'date[lte]': '2026-03-02T00:30:00+07:00' }, ['r1', 'r2'], { 'date[ne]': '2026-03-01T09:00:00Z', date: '2026-03-01' }],
    ['a time without seconds', { 'time[lte]': '10:00' }, ['r1'], { 'time[lt]': '10:00' }],
    ['a number in another spelling', { days: '5.0' }, ['r1'], { 'days[ne]': '5.0', days: '5' }],
    ['another spelling of a field', { 'fullName[gte]': 'b' }, ['r2'], { 'fullName[ne]': 'a', full_name: 'a' }],
  ];
  for (const [what, query, found, missing] of cases) {
    clientTest(`${what}: views show what the backend finds, and nothing that exists is taken to be gone`, async ({ backend, tab }) => {
      const page = await tab();
      page.core.entities = { ...page.core.entities, bookings: { aliases: { fullName: 'full_name' } } };
      backend.change('bookings', 'r1', { full_name: 'a', date: '2026-03-01', time: '10:00:00', days: 5 });
      backend.change('bookings', 'r2', { full_name: 'b', date: '2026-03-02', time: '10:00:01', days: 6 });
      assert.deepEqual(backend.rows('bookings').map(({ created_at }) => created_at), [`${at}000001Z`, `${at}000002Z`]);
      const bookings = page.collection('bookings');
      await bookings.load();
      const rows = backend.rows('bookings').filter(({ id }) => found.includes(id));
      backend.next(/^GET \/api\/bookings/, () => json(backend, rows));
      let seen = [];
      bookings.live(query, (now, { source }) => source === 'backend' && (seen = now));
      await soon('shown', () => seen.length > 0);
      assert.deepEqual(seen.map(({ id }) => id).sort(), found);
      backend.next(/^GET \/api\/bookings/, () => json(backend, [])); // as the server finds them
      await bookings.load(missing);
      assert.deepEqual(['r1', 'r2'].filter((id) => !bookings.known(id)), []);
    });
  }

  clientTest('what a filter surely finds and the backend does not is gone', async ({ backend, tab }) => {
    const page = await tab();
    const bookings = page.collection('bookings');
    backend.change('bookings', 'r1', { full_name: 'a', date: '2026-03-01' });
    await bookings.load();
    for (const query of [{ full_name: 'a' }, { 'date[lte]': '2026-03-01' }, { 'created_at[gte]': '2026-11-25T00:00:00+07:00' }]) {
      backend.log.push(backend.log[0], backend.log[0]);
      page.core.cache.absorb([{ entity: 'bookings', id: 'r1', row: backend.rows('bookings')[0], position: backend.log.length - 1, atMs: 0 }]);
      backend.next(/^GET \/api\/bookings/, () => json(backend, []));
      await bookings.load(query);
      assert.equal(bookings.known('r1'), null, JSON.stringify(query));
    }
  });
}

function signedOutTests() {
  clientTest('it loads as soon as somebody has signed in', async ({ backend, tab }) => {
    let token = 'old';
    backend.token = 'new';
    const page = await tab({ token: () => token });
    backend.change('clients', 'a', { full_name: 'A' });
    const seen = watch(page);
    await soon('refused', () => seen.error);
    assert.equal(page.status.signedOut, true);
    token = 'new';
    page.sync.resume();
    await soon('loaded', () => seen.ids() === 'a');
    await following(backend, page);
    backend.change('clients', 'b', { full_name: 'B' });
    await soon('live', () => seen.ids() === 'a,b');
  });

  clientTest('a new token that nobody announces is noticed by the next request', async ({ backend, tab }) => {
    let token = 'old';
    backend.token = 'new';
    const page = await tab({ token: () => token });
    backend.change('clients', 'a', { full_name: 'A' });
    await page.until('online', ({ connection }) => connection === 'online');
    const seen = watch(page);
    await soon('refused', () => seen.error);
    token = 'new';
    await page.collection('visits').load();
    await soon('loaded', () => seen.ids() === 'a');
  });

  clientTest('a stream that is admitted again shows that one is signed in', async ({ backend, tab }) => {
    let token = 'old';
    backend.token = 'old';
    const page = await tab({ token: () => token });
    const seen = watch(page);
    await following(backend, page);
    backend.token = 'new';
    backend.dropStreams();
    await page.until('signed out', ({ signedOut }) => signedOut);
    backend.change('clients', 'a', { full_name: 'A' });
    token = 'new';
    await page.until('signed in', ({ signedOut }) => !signedOut);
    await soon('live', () => seen.ids() === 'a');
  });
}
