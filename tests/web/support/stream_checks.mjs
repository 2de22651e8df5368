// What every subscriber may rely on, however it is connected: checked on what one saw against the log.
import assert from 'node:assert/strict';

const positionOf = (cursor) => Number.parseInt(cursor, 10);
const facts = ({ position, cursor, resource, action, id, version, branch, data }) => ({
  position,
  cursor,
  resource,
  action,
  id,
  version,
  branch,
  data,
});

// `seen`: [{ held, event }] in the order of arrival: the envelope, and the cursor that the subscriber held before it.
// `log`: the envelopes that it should have seen.
export function assertSawExactly(seen, log) {
  const longer = Math.max(seen.length, log.length);
  for (let index = 0; index < longer; ++index) {
    const [got, wanted] = [seen[index]?.event.position, log[index]?.position];
    const counts = `${seen.length} seen of ${log.length}`;
    assert.ok(got === wanted, `event ${index} is position ${got}, not ${wanted} (${counts})`);
    assert.deepEqual(facts(seen[index].event), facts(log[index]));
  }
  assertNeverSkips(seen);
}

// `previous` proves it without the log: nothing lies between it and the event, and it is never past what was held.
export function assertNeverSkips(seen) {
  seen.forEach(({ held, event }, index) => {
    const lastShown = index === 0 ? 0 : seen[index - 1].event.position;
    assert.ok(event.previous >= lastShown, `${event.position}: previous ${event.previous} is before ${lastShown}`);
    assert.ok(event.previous < event.position, `${event.position}: previous is ${event.previous}`);
    assert.ok(event.previous <= positionOf(held), `${event.position}: previous ${event.previous} is past ${held}`);
  });
}

// Every acknowledged record is in the log once, at the position that its writer was told.
export function assertLogHolds(log, acknowledged) {
  const created = log.filter((event) => event.action === 'created' && event.resource === 'clients');
  const positions = new Map(created.map(({ id, position }) => [id, position]));
  for (const [id, position] of acknowledged) assert.equal(positions.get(id), position, `the position of ${id}`);
  assert.equal(created.length, acknowledged.size, 'records created, and records acknowledged');
}
