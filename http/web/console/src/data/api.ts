// Requests that the client library has no words for. Answers are the library's errors: RefusedError when the backend said
// no, UnreachableError when it did not answer.
import { RefusedError, UnreachableError, type Problem } from '../../../client/src/problem.ts';
import { authorization } from '../app/session.ts';

export { RefusedError, UnreachableError };
export type { Problem };

export interface ApiOptions {
  method?: string;
  /** Sent as JSON; text and Blobs as they are, with `type`. */
  body?: unknown;
  type?: string;
  accept?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** From the first byte sent to the answer's head; 0: no deadline. */
  timeoutMs?: number;
}

const defaultTimeoutMs = 15_000;

/** Where the console came from, with the prefix that a proxy gives it, and a slash at the end. */
export const baseUrl = new URL('.', document.baseURI).href;

/** The URL of a path of the server: `/api/clients`. */
export const urlOf = (path: string): string => new URL(path.replace(/^\//, ''), baseUrl).href;

type Send = (path: string, init: RequestInit) => Promise<Response>;
const directly: Send = (path, init) => fetch(urlOf(path), init);
let send = directly;
/** Requests go through this from now on; null: straight to the server. */
export function sendBy(other: Send | null): void {
  send = other ?? directly;
}

/** `/api/clients/CLT-1`, each part encoded. */
export const pathOf = (...parts: readonly string[]): string => `/${parts.map(encodeURIComponent).join('/')}`;

/** `?a=1&b=2`, or nothing. */
export function queryOf(params: URLSearchParams | Record<string, string>): string {
  const text = new URLSearchParams(params).toString();
  return text ? `?${text}` : '';
}

function bodyOf(options: ApiOptions): { body?: BodyInit; type?: string } {
  const { body, type } = options;
  if (body === undefined) return {};
  if (typeof body === 'string' || body instanceof Blob) return { body, type: type ?? 'text/plain; charset=utf-8' };
  return { body: JSON.stringify(body), type: type ?? 'application/json' };
}

async function problemOf(answer: Response): Promise<Problem> {
  const fallback: Problem = { status: answer.status, code: 'unknown', title: answer.statusText || `Status ${answer.status}` };
  if (!/\bjson\b/.test(answer.headers.get('Content-Type') ?? '')) return fallback;
  try {
    return { ...fallback, ...((await answer.json()) as object), status: answer.status };
  } catch {
    return fallback;
  }
}

/** The answer when its status is 2xx. Its body is the caller's to read. */
export async function request(path: string, options: ApiOptions = {}): Promise<Response> {
  const deadline = new AbortController();
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const timer = timeoutMs > 0 ? setTimeout(() => deadline.abort(), timeoutMs) : undefined;
  const give = () => deadline.abort();
  options.signal?.addEventListener('abort', give);
  if (options.signal?.aborted) give();
  const { body, type } = bodyOf(options);
  const headers: Record<string, string> = { Accept: options.accept ?? 'application/json', ...authorization(), ...options.headers };
  if (type) headers['Content-Type'] = type;
  let answer: Response;
  try {
    answer = await send(path, {
      method: options.method ?? 'GET',
      headers,
      signal: deadline.signal,
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    if (options.signal?.aborted) throw new DOMException('given up', 'AbortError');
    throw new UnreachableError(deadline.signal.aborted ? 'timeout' : error instanceof Error ? error.message : 'network');
  } finally {
    clearTimeout(timer);
  }
  if (answer.ok) return answer;
  if ([502, 503, 504].includes(answer.status)) throw new UnreachableError(`status ${answer.status}`);
  throw new RefusedError(await problemOf(answer));
}

/** The answer's JSON. */
export async function api<T>(path: string, options: ApiOptions = {}): Promise<T> {
  const answer = await request(path, options);
  const text = await answer.text().catch((error: Error) => {
    if (options.signal?.aborted) throw error;
    throw new UnreachableError(error.message);
  });
  return (text === '' ? null : JSON.parse(text)) as T;
}

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';

/** An error as one sentence for a person. */
export function sentenceOf(error: unknown): string {
  if (error instanceof UnreachableError) return 'The backend cannot be reached.';
  if (error instanceof RefusedError) {
    const { problem } = error;
    const first = problem.errors?.[0];
    if (first) return `${first.pointer.replace(/^\//, '') || 'The record'}: ${first.detail}`;
    return problem.detail ?? problem.title;
  }
  return error instanceof Error ? error.message : String(error);
}
