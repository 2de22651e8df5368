// One request with a deadline, and what its answer means: done, refused, sign in, or later.
import { noFaults, withFaults, type Faults } from './faults.js';
import type { Limits } from './limits.js';
import type { Problem } from './problem.js';
import { Signal } from './signal.js';

export type Token = () => string | null | undefined | Promise<string | null | undefined>;
export type Fetch = typeof globalThis.fetch;

export type Outcome<T> =
  /** isReplayed: what was said the first time to this Idempotency-Key, and may have changed since. */
  | { kind: 'answer'; status: number; body: T; headers: Headers; isReplayed: boolean }
  | { kind: 'refused'; status: number; problem: Problem; isReplayed: boolean }
  | { kind: 'unauthorized'; problem: Problem; token: string | null }
  /** No answer of the backend, so that what became of a write is not known; or it said to come again. */
  | { kind: 'later'; reason: string; offline: boolean; retryAfterMs: number };

export interface RequestOptions {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs: number;
  /** Whether a success is what the backend says there; unless it is, a proxy or the network's sign-in page has answered. */
  isAnswer?: (body: unknown) => boolean;
}

const retryStatuses = new Set([408, 425, 429]);
/** Somebody answers for a backend that does not. */
export const offlineStatuses = new Set([502, 503, 504]);
const maxRetryAfterMs = 60_000;
const actorHeader = 'Synclog-Actor';
// A header is bytes: those of UTF-8, as the server has the name.
const headerText = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));
const isWrite = (method: string): boolean => method !== 'GET' && method !== 'HEAD';

export class Transport {
  readonly #base: string;
  readonly #token: Token | undefined;
  readonly #fetch: Fetch;
  #underWay = new Set<AbortController>();
  #closed = false;
  /** What goes wrong on purpose. */
  readonly faults = new Signal<Faults>(noFaults);
  /** Called with the difference to the server's clock whenever an answer tells it. */
  onSkew: (skewMs: number) => void = () => {};

  /** `actor`: whom writes are said to be of; a server that has admitted somebody else answers 401. */
  constructor(base: string, token: Token | undefined, fetch: Fetch, readonly limits: Limits, private readonly actor?: string) {
    this.#base = base.replace(/\/+$/, '');
    this.#token = token;
    this.#fetch = withFaults(fetch, this.faults);
  }

  url(path: string): string {
    return this.#base + path;
  }

  /** Rejects when the page has not given it before the signal: a callback may hang. */
  async token(signal: AbortSignal = AbortSignal.timeout(this.limits.requestMs)): Promise<string | null> {
    const ask = this.#token;
    if (!ask) return null;
    const late = new Promise<never>((_, reject) => {
      signal.throwIfAborted();
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    const asked = new Promise<string | null | undefined>((resolve) => resolve(ask())); // it may throw at once
    return (await Promise.race([late, asked])) ?? null;
  }

  /** Never throws: whatever happens is one of the outcomes. */
  async request<T>(path: string, options: RequestOptions): Promise<Outcome<T>> {
    const { method = 'GET', body, headers = {}, timeoutMs, isAnswer = () => true } = options;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    if (this.#closed) deadline.abort();
    this.#underWay.add(deadline);
    try {
      const token = await this.token(deadline.signal);
      const sent: Record<string, string> = { Accept: 'application/json', ...headers };
      if (token) sent['Authorization'] = `Bearer ${token}`;
      if (this.actor !== undefined && isWrite(method)) sent[actorHeader] = headerText(this.actor);
      const init: RequestInit = { method, headers: sent, signal: deadline.signal };
      if (body !== undefined) {
        sent['Content-Type'] = 'application/json';
        init.body = JSON.stringify(body);
      }
      const answer = await this.#fetch(this.url(path), init);
      const text = await answer.text(); // an answer that is cut off throws here
      this.#noteClock(answer.headers);
      const outcome = outcomeOf<T>(answer.status, answer.headers, text, token);
      return outcome.kind === 'answer' && !isAnswer(outcome.body) ? fromStranger(outcome.status, 0) : outcome;
    } catch (error) {
      const reason = deadline.signal.aborted ? 'timeout' : error instanceof Error ? error.message : 'network';
      return { kind: 'later', reason, offline: true, retryAfterMs: 0 };
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(deadline);
    }
  }

  /** Gives up what is under way. */
  close(): void {
    this.#closed = true;
    for (const deadline of this.#underWay) deadline.abort();
  }

  /** The answer's head; the body is the caller's. Throws when there is none. */
  async open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<{ answer: Response; token: string | null }> {
    const token = await this.token(signal);
    if (token) headers = { ...headers, Authorization: `Bearer ${token}` };
    return { answer: await this.#fetch(this.url(path), { headers, signal, 'cache': 'no-store' }), token };
  }

  /** As the browser's fetch, with the sign-in and the faults of this client. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const token = await this.token();
    const own = token ? `Bearer ${token}` : null;
    if (own && !headers.has('Authorization')) headers.set('Authorization', own);
    // With another sign-in than this client's it is somebody else's word.
    const isOwn = headers.get('Authorization') === own;
    if (isOwn && this.actor !== undefined && isWrite(init.method ?? 'GET')) headers.set(actorHeader, headerText(this.actor));
    return this.#fetch(this.url(path), { ...init, headers });
  }

  #noteClock(headers: Headers): void {
    const server = Date.parse(headers.get('Date') ?? ''); // other origins do not show it
    if (!Number.isNaN(server)) this.onSkew(server - Date.now());
  }
}

function outcomeOf<T>(status: number, headers: Headers, text: string, token: string | null): Outcome<T> {
  const type = headers.get('Content-Type') ?? '';
  const parsed = /\bjson\b/.test(type) ? parse(text) : undefined;
  const isReplayed = headers.has('Idempotency-Replayed');
  if (status >= 200 && status < 300 && parsed !== undefined) {
    return { kind: 'answer', status, body: parsed as T, headers, isReplayed };
  }
  const retryAfterMs = Math.min(maxRetryAfterMs, (Number(headers.get('Retry-After')) || 0) * 1000);
  if (status >= 500 || retryStatuses.has(status)) {
    return { kind: 'later', reason: `status ${status}`, offline: offlineStatuses.has(status), retryAfterMs };
  }
  // A sign-in page of the network, or a proxy's own refusal: not the backend's word.
  const isBulk = status === 422 && Array.isArray((parsed as { results?: unknown } | null | undefined)?.results);
  if (!isBulk && (!type.startsWith('application/problem+json') || parsed === undefined)) {
    return fromStranger(status, retryAfterMs);
  }
  const problem = { code: 'unknown', title: 'Refused', ...(parsed as object), status };
  return status === 401 ? { kind: 'unauthorized', problem, token } : { kind: 'refused', status, problem, isReplayed };
}

const fromStranger = (status: number, retryAfterMs: number): Outcome<never> => ({
  kind: 'later',
  reason: `status ${status} from something that is not the backend`,
  offline: true,
  retryAfterMs,
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
