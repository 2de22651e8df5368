// Emmett, a Node event store on PostgreSQL: one stream a client, appended to with the check that it is new. No read table
// beside it, which makes its work smaller than that of the others.
import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";

// save(client) → the client as saved. `url` is the database; the store keeps a pool of its own.
export async function makeEmmettSave(url, pool) {
  const store = getPostgreSQLEventStore(url, { schema: { autoMigration: "None" }, connectionOptions: { pool } });
  return async (client) => {
    const saved = await store.appendToStream(`clients-${client.id}`, [{ type: "ClientSaved", data: client }], {
      expectedStreamVersion: "STREAM_DOES_NOT_EXIST",
    });
    return { ...client, version: Number(saved.nextExpectedStreamVersion) };
  };
}

// Once, before the servers of a cluster start.
export async function migrateEmmett(url) {
  const store = getPostgreSQLEventStore(url);
  await store.schema.migrate();
  await store.close();
}
