// Clients over HTTP as one writes it with fastify and pg, with the paths of synclog:
//   POST /api/clients   GET /api/clients?branch=…&limit=50   GET /api/clients/{id}
//
//   node server.mjs MODE PROCESSES POOL     in this folder; modes: save.mjs, and emmett
//
// PROCESSES servers share one port by node:cluster; POOL connections each, to the database of PGHOST, PGDATABASE, PGUSER.
// A first line says where it listens and with which versions.
import cluster from "node:cluster";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import fastify from "fastify";
import pg from "pg";
import { makeSave } from "./save.mjs";

const [mode, processes, poolSize] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const url = `postgresql://${process.env.PGUSER}@/${process.env.PGDATABASE}?host=${encodeURIComponent(process.env.PGHOST)}`;

const text = { type: "string" };
const client = {
  type: "object",
  properties: {
    id: text, reference_number: text, full_name: text, phone: text, email: text, gender: text, date_of_birth: text,
    address: text, city: text, branch: text, data: { type: "object", additionalProperties: true },
  },
};
const saved = {
  type: "object",
  properties: { version: { type: "integer" }, created_at: text, updated_at: text, ...client.properties },
};
const selected = `SELECT id, version, created_at, updated_at, reference_number, full_name, phone, email, gender,
  date_of_birth::text, address, city, branch, data FROM clients`;
const byId = { name: "by_id", text: `${selected} WHERE id = $1` };
const ofBranch = { name: "of_branch", text: `${selected} WHERE branch = $1 ORDER BY created_at DESC, id DESC LIMIT $2` };
const newest = { name: "newest", text: `${selected} ORDER BY created_at DESC, id DESC LIMIT $1` };

async function makeServer() {
  const pool = new pg.Pool({ max: poolSize, min: poolSize, idleTimeoutMillis: 0 });
  let save;
  if (mode === "emmett") {
    const { makeEmmettSave } = await import("./emmett.mjs");
    save = await makeEmmettSave(url, pool);
  } else {
    save = makeSave(mode, pool);
  }
  const server = fastify({ keepAliveTimeout: 60_000 });
  server.post("/api/clients", { schema: { body: { ...client, required: ["full_name"] }, response: { 201: saved } } },
    async (request, reply) => {
      reply.code(201);
      return save({ id: request.body.id ?? `CLT-${randomUUID()}`, ...request.body });
    });
  server.get("/api/clients/:id", { schema: { response: { 200: saved } } }, async (request, reply) => {
    const { rows } = await pool.query({ ...byId, values: [request.params.id] });
    if (rows.length === 0) return reply.code(404).send();
    return rows[0];
  });
  const page = { type: "object", properties: { items: { type: "array", items: saved } } };
  server.get("/api/clients", { schema: { response: { 200: page } } }, async (request) => {
    const { branch, limit = "50" } = request.query;
    const asked = branch === undefined ? { ...newest, values: [limit] } : { ...ofBranch, values: [branch, limit] };
    return { items: (await pool.query(asked)).rows };
  });
  return server;
}

function announce(port) {
  const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
  const parts = [`node ${process.version}`, `fastify ${version("fastify")}`, `pg ${version("pg")}`];
  if (mode === "emmett") parts.push(`emmett-postgresql ${version("@event-driven-io/emmett-postgresql")}`);
  console.log(`${parts.join(", ")}, ${processes} process(es) × ${poolSize} connections on ${port}`);
}

if (cluster.isPrimary && mode === "emmett") {
  const { migrateEmmett } = await import("./emmett.mjs");
  await migrateEmmett(url);
}
if (cluster.isPrimary && processes > 1) {
  let listening = 0;
  cluster.on("listening", (_, address) => {
    if (++listening === processes) announce(address.port);
  });
  cluster.on("exit", () => process.exit(1));
  for (let index = 0; index < processes; ++index) cluster.fork();
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill("SIGTERM");
    process.exit(0);
  });
} else {
  const server = await makeServer();
  await server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
  if (cluster.isPrimary) announce(server.server.address().port);
  process.on("SIGTERM", () => process.exit(0));
}
