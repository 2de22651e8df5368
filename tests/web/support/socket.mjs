// /ws through the `ws` package, an ordinary client library: FrameSocket for an exchange frame by frame, SocketFollower
// for a subscriber that comes back after every end and asks for what it missed.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { until, within } from './wait.mjs';

const reconnectPauseMs = 100;
const cursorFrames = new Set(['event', 'caught_up', 'checkpoint', 'resync']);

// The status of a refused upgrade, or 101.
export function upgradeStatus(url, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, options);
    socket.once('upgrade', (answer) => resolve(answer.statusCode));
    socket.once('open', () => socket.terminate());
    socket.once('unexpected-response', (_, answer) => {
      resolve(answer.statusCode);
      socket.terminate();
    });
    socket.on('error', reject); // after an answer it changes nothing
  });
}

export class FrameSocket {
  #socket;
  #frames = [];
  #ended = null; // { code } once it is closed

  static async open(url, options = {}) {
    const made = new FrameSocket();
    const socket = (made.#socket = new WebSocket(url, options));
    socket.on('message', (bytes, isBinary) => {
      assert.equal(isBinary, false, 'frames are text');
      made.#frames.push(JSON.parse(bytes.toString()));
    });
    const ended = new Promise((resolve) => socket.once('close', (code) => resolve((made.#ended = { code }))));
    const opened = new Promise((resolve, reject) => socket.once('open', resolve).on('error', reject));
    made.ended = ended;
    await within('the socket opens', opened);
    return made;
  }

  // Text as it is, everything else as JSON.
  send(frame) {
    this.#socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  // The next frame. Checkpoints come when they like and are left out.
  async next() {
    const frame = await until('a frame', () => {
      while (this.#frames[0]?.type === 'checkpoint') this.#frames.shift();
      return this.#frames.shift() ?? this.#ended;
    });
    assert.ok(frame.type, `the socket was closed: ${JSON.stringify(frame)}`);
    return frame;
  }

  // The next frame, which must be of this type.
  async expect(type) {
    const frame = await this.next();
    assert.equal(frame.type, type, JSON.stringify(frame));
    return frame;
  }

  // Subscribes, and answers `subscribed`. With `after` given, what was missed comes next, then `caught_up`.
  async subscribe(asked) {
    this.send({ type: 'subscribe', ...asked });
    return this.expect('subscribed');
  }

  // `count` events and nothing else, checked against the log's envelopes.
  async expectEvents(expected) {
    for (const envelope of expected) {
      const { previous, ...event } = await this.expect('event');
      const { previous: ignored, ...wanted } = envelope;
      assert.deepEqual(event, wanted);
      assert.ok(previous < event.position);
    }
  }

  // A ping with a payload is answered by a pong with the same, below the frames.
  async protocolPing(payload) {
    const answered = new Promise((resolve) => this.#socket.once('pong', resolve));
    this.#socket.ping(payload);
    return (await within('a protocol pong', answered)).toString();
  }

  // Everything sent before is answered when this returns: frames are handled in order.
  async ping() {
    this.send({ type: 'ping' });
    await this.expect('pong');
  }

  async close() {
    this.#socket.terminate();
    await this.ended;
  }
}

export class SocketFollower {
  #url;
  #asked;
  #start;
  #socket = null;
  #closing = false;
  opens = 0;
  codes = []; // close codes, in order
  byes = [];
  held; // the newest cursor
  seen = []; // [{ held, event }]

  // `asked`: the members of `subscribe`; with `after`, its first start.
  constructor(url, { after, ...asked }) {
    this.#url = url;
    this.#asked = asked;
    this.#start = after;
    this.#connect();
  }

  #connect() {
    const socket = (this.#socket = new WebSocket(this.#url));
    let opened = false;
    socket.on('open', () => {
      opened = true;
      ++this.opens;
      socket.send(JSON.stringify({ type: 'subscribe', ...this.#asked, after: this.held ?? this.#start }));
    });
    socket.on('message', (bytes) => this.#take(JSON.parse(bytes.toString())));
    socket.on('error', () => {}); // refused while the server is away; `close` follows
    socket.on('close', (code) => {
      if (opened) this.codes.push(code);
      if (!this.#closing) setTimeout(() => this.#closing || this.#connect(), reconnectPauseMs);
    });
  }

  #take(frame) {
    if (frame.type === 'event') this.seen.push({ held: this.held, event: frame });
    if (frame.type === 'bye') this.byes.push(frame);
    if (frame.type === 'subscribed') this.held ??= frame.cursor;
    if (cursorFrames.has(frame.type)) this.held = frame.cursor;
  }

  async close() {
    this.#closing = true;
    this.#socket.terminate();
  }
}
