// What saving one client means, one function a mode. Statements are prepared once a connection under their name.
//   insert      the row, nothing else
//   event-tx    event and row in one transaction, positions from a sequence: gaps, and late commits
//   event-cte   the same in one statement, which saves three round trips
//   gap-free    positions without gaps in commit order, by the row of `head`: what synclog promises, without the hash chain

const columns = [
  "id", "reference_number", "full_name", "phone", "email", "gender", "date_of_birth", "address", "city", "branch", "data",
];
const names = columns.join(", ");
const places = columns.map((_, index) => `$${index + 1}`).join(", ");
const returning = "RETURNING version, created_at, updated_at";

const insertRow = { name: "insert_row", text: `INSERT INTO clients (${names}) VALUES (${places}) ${returning}` };
const insertEvent = {
  name: "insert_event",
  text: "INSERT INTO events (entity, record_id, version, action, data) VALUES ('clients', $1, 1, 'created', $2)",
};
const insertBoth = {
  name: "insert_both",
  text: `WITH made AS (INSERT INTO events (entity, record_id, version, action, data)
    VALUES ('clients', $1, 1, 'created', $${columns.length + 1}))
    INSERT INTO clients (${names}) VALUES (${places}) ${returning}`,
};
const moveHead = { name: "move_head", text: "UPDATE head SET position = position + 1 RETURNING position" };
const insertEventAt = {
  name: "insert_event_at",
  text: `INSERT INTO events (position, entity, record_id, version, action, data)
    VALUES ($1, 'clients', $2, 1, 'created', $3)`,
};

const rowOf = (client) => columns.map((name) => client[name] ?? null);

async function inTransaction(pool, work) {
  const session = await pool.connect();
  try {
    await session.query("BEGIN");
    const made = await work(session);
    await session.query("COMMIT");
    return made;
  } catch (error) {
    await session.query("ROLLBACK");
    throw error;
  } finally {
    session.release();
  }
}

const modes = {
  insert: (pool, client) => pool.query({ ...insertRow, values: rowOf(client) }),
  "event-tx": (pool, client) =>
    inTransaction(pool, async (session) => {
      await session.query({ ...insertEvent, values: [client.id, client] });
      return session.query({ ...insertRow, values: rowOf(client) });
    }),
  "event-cte": (pool, client) => pool.query({ ...insertBoth, values: [...rowOf(client), client] }),
  "gap-free": (pool, client) =>
    inTransaction(pool, async (session) => {
      const head = await session.query(moveHead);
      await session.query({ ...insertEventAt, values: [head.rows[0].position, client.id, client] });
      return session.query({ ...insertRow, values: rowOf(client) });
    }),
};

// save(client) → the client as saved.
export function makeSave(mode, pool) {
  const one = modes[mode];
  if (!one) throw new Error(`mode: ${Object.keys(modes).join(", ")} or emmett`);
  return async (client) => {
    const { rows } = await one(pool, client);
    return { ...client, ...rows[0] };
  };
}
