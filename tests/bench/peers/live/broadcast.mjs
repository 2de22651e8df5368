// A broadcast server as one writes it in Node, at its best reasonable settings: what is published goes to every
// subscriber, serialised once. `node broadcast.mjs ws|ws-corked|sse`; a first line says where it listens.
//   POST /publish            one envelope a line
//   GET  /stream[?branch=x]  the subscription: WebSocket, or server-sent events
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { WebSocketServer } from "ws";

const mode = process.argv[2];
const subscribers = new Set();
const byBranch = new Map(); // those who filter
let filtered = 0;

function add(one, url) {
  const branch = new URL(url, "http://localhost").searchParams.get("branch");
  if (branch === null) {
    subscribers.add(one);
    return () => subscribers.delete(one);
  }
  if (!byBranch.has(branch)) byBranch.set(branch, new Set());
  byBranch.get(branch).add(one);
  ++filtered;
  return () => {
    byBranch.get(branch).delete(one);
    --filtered;
  };
}

function receivers(line) {
  return filtered === 0 ? [] : (byBranch.get(JSON.parse(line).branch) ?? []);
}

const text = { binary: false, compress: false };

// One send an event and subscriber: what the documentation of ws shows.
function publishWs(lines) {
  for (const line of lines) {
    const message = Buffer.from(line);
    for (const one of subscribers) one.send(message, text);
    for (const one of receivers(line)) one.send(message, text);
  }
}

// The same with one write a POST and subscriber, by way of the socket under ws, which it does not document.
function publishWsCorked(lines) {
  const everybody = filtered === 0 ? [...subscribers] : [...subscribers, ...[...byBranch.values()].flatMap((set) => [...set])];
  for (const one of everybody) one._socket.cork();
  publishWs(lines);
  for (const one of everybody) one._socket.uncork();
}

// All of a POST is one write to each subscriber: server-sent events may be joined freely.
function publishSse(lines) {
  const frames = lines.map((line) => {
    const position = /"position":(\d+)/.exec(line)[1];
    return `id: ${position}\ndata: ${line}\n\n`;
  });
  const joined = Buffer.from(frames.join(""));
  for (const one of subscribers) one.write(joined);
  if (filtered === 0) return;
  const joinedByBranch = new Map();
  lines.forEach((line, index) => {
    const branch = JSON.parse(line).branch;
    joinedByBranch.set(branch, (joinedByBranch.get(branch) ?? "") + frames[index]);
  });
  for (const [branch, frame] of joinedByBranch) {
    const bytes = Buffer.from(frame);
    for (const one of byBranch.get(branch) ?? []) one.write(bytes);
  }
}

const publish = { ws: publishWs, "ws-corked": publishWsCorked, sse: publishSse }[mode];
if (!publish) throw new Error("mode: ws, ws-corked or sse");

const server = createServer((request, response) => {
  if (request.method === "POST") {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      publish(Buffer.concat(pieces).toString().split("\n").filter(Boolean));
      response.writeHead(204).end();
    });
    return;
  }
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.flushHeaders();
  response.socket.setNoDelay(true);
  const remove = add(response, request.url);
  request.on("close", remove);
});
server.keepAliveTimeout = 60_000;

if (mode !== "sse") {
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });
  sockets.on("connection", (socket, request) => {
    const remove = add(socket, request.url);
    socket.on("close", remove);
    socket.on("error", remove);
  });
}

server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  const { version } = createRequire(import.meta.url)("ws/package.json");
  console.log(`node ${process.version}${mode === "sse" ? "" : `, ws ${version}`} on ${server.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
