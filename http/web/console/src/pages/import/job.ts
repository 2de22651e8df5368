// One pass over a file against the server: a trial (dry run) or the saving itself. Chunk by chunk, each with a key of its own, so
// that a repetition of any of them lands once. Goes on by itself after the server was away; stops between chunks when told to.
import { chunksOf, recordAt, sentColumns, textOf, type Chunk, type ChunkLimits, type CsvFile } from '../../csv/file.ts';
import { importQuery } from './mapping.ts';

/** As fetch: rejects when there is no answer. */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

export interface Rejected {
  /** Of the file. */
  line: number;
  /** The column's name, where one is to blame. */
  column: string | null;
  columnNumber: number | null;
  code: string;
  reasons: string[];
  bytes: Uint8Array<ArrayBuffer>;
  text: string;
}

export interface Counts {
  rows: number;
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
}

export type Phase =
  | { name: 'running' }
  /** Tries again by itself. `mayHaveLanded`: what became of the chunk is not known; the next try finds out. */
  | { name: 'waiting'; reason: string; untilMs: number; mayHaveLanded: boolean }
  | { name: 'signed out' }
  | { name: 'cancelled'; uncertain: { firstLine: number; lastLine: number } | null }
  | { name: 'failed'; reason: string }
  | { name: 'done' };

export interface Progress {
  phase: Phase;
  counts: Counts;
  /** Chunks that are answered. */
  chunks: number;
  /** The last physical line that is answered. */
  line: number;
  /** 0 to 1. */
  share: number;
  rejects: readonly Rejected[];
  /** Rejected rows beyond what is kept. */
  rejectsLeftOut: number;
  cancelling: boolean;
}

export interface JobOptions {
  csv: CsvFile;
  entity: string;
  overrides: readonly [string, string][];
  mode: 'try' | 'save';
  /** Names the import: its request id, and the beginning of each chunk's key. */
  run: string;
  send: Send;
  /** Whose import it is, and who is signed in at the moment: it does not go on as somebody else. null: nobody need sign in. */
  actor: string | null;
  actorNow: () => string | null;
  onProgress: (progress: Progress) => void;
  limits?: ChunkLimits;
  /** After a break: chunks and counts that are done. */
  done?: { chunks: number; counts: Counts } | undefined;
  retry?: { baseMs: number; capMs: number };
  requestMs?: number;
}

export const saveLimits: ChunkLimits = { lines: 2_000, bytes: 1024 * 1024 };
export const tryLimits: ChunkLimits = { lines: 10_000, bytes: 4 * 1024 * 1024 };
export const maxRejectsKept = 20_000;
const maxRejectBytes = 32 * 1024 * 1024;

export const noCounts: Counts = { rows: 0, created: 0, updated: 0, unchanged: 0, rejected: 0 };

interface BulkAnswer {
  count: number;
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
  results: { index: number; status: string; line?: number; column?: number; code?: string; errors?: { pointer: string; detail: string }[] }[];
}

type Answered = { kind: 'answer'; body: BulkAnswer } | { kind: 'later'; reason: string; afterMs: number; mayHaveLanded: boolean } | { kind: 'sign in' } | { kind: 'refused'; reason: string };

const named = (actor: string | null): string => actor ?? 'nobody';
export const otherActor = (whose: string | null, now: string | null): string =>
  `This import was begun by ${named(whose)}, and ${named(now)} is signed in now: it goes on when ${named(whose)} takes the file up again.`;

export class ImportJob {
  #progress: Progress = { phase: { name: 'running' }, counts: noCounts, chunks: 0, line: 0, share: 0, rejects: [], rejectsLeftOut: 0, cancelling: false };
  #cancelled = new AbortController();
  #wake: () => void = () => {};
  #rejects: Rejected[] = [];
  #rejectBytes = 0;
  #ended = false;

  constructor(private readonly options: JobOptions) {
    if (options.done) this.#progress = { ...this.#progress, chunks: options.done.chunks, counts: options.done.counts };
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Ends between two chunks: what is on its way is waited for. A trial ends at once. */
  cancel(): void {
    this.#set({ cancelling: true });
    this.#cancelled.abort();
    this.#wake();
  }

  /** Ends at once, for this reason; what is on its way may still land. */
  end(reason: string): void {
    if (!['running', 'waiting', 'signed out'].includes(this.#progress.phase.name)) return;
    this.#set({ phase: { name: 'failed', reason } });
    this.#ended = true;
    this.cancel();
  }

  /** Tries now what waits. */
  hurry(): void {
    this.#wake();
  }

  /** Ends with one of the last phases; never rejects. */
  async run(): Promise<Progress> {
    try {
      await this.#walk();
    } catch (error) {
      const { name = '', message = String(error) } = error as Error;
      const reason = name === 'NotReadableError' ? 'The file cannot be read any more: it was changed, moved or deleted.' : message;
      this.#set({ phase: { name: 'failed', reason } });
    }
    return this.#progress;
  }

  async #walk(): Promise<void> {
    const { csv, mode, limits = mode === 'try' ? tryLimits : saveLimits } = this.options;
    const skip = this.#progress.chunks;
    for await (const chunk of chunksOf(csv, limits)) {
      if (chunk.index < skip) continue;
      if (this.#ended) return;
      if (this.#cancelled.signal.aborted) return this.#set({ phase: { name: 'cancelled', uncertain: null } });
      const answered = await this.#deliver(chunk);
      if (!answered) return;
      this.#take(chunk, answered);
    }
    this.#set({ phase: { name: 'done' }, share: 1 });
  }

  // Until it is answered; null when it ends without: the phase says why.
  async #deliver(chunk: Chunk): Promise<BulkAnswer | null> {
    const { baseMs, capMs } = this.options.retry ?? { baseMs: 1_000, capMs: 30_000 };
    let mayHaveLanded = false;
    for (let attempt = 0; ; ++attempt) {
      if (this.#isOfSomebodyElse()) return null;
      const answered = await this.#post(chunk);
      if (this.#ended) return null;
      if (answered.kind === 'answer') {
        this.#set({ phase: { name: 'running' } });
        return answered.body;
      }
      if (answered.kind === 'refused') {
        this.#set({ phase: { name: 'failed', reason: answered.reason } });
        return null;
      }
      mayHaveLanded ||= answered.kind === 'later' && answered.mayHaveLanded && this.options.mode === 'save';
      if (!this.#cancelled.signal.aborted) {
        const afterMs = answered.kind === 'later' ? Math.max(answered.afterMs, Math.random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20))) : capMs;
        const phase: Phase = answered.kind === 'sign in' ? { name: 'signed out' } : { name: 'waiting', reason: answered.reason, untilMs: Date.now() + afterMs, mayHaveLanded };
        this.#set({ phase });
        await this.#pause(afterMs);
        if (this.#ended) return null;
      }
      if (this.#cancelled.signal.aborted) {
        const uncertain = mayHaveLanded ? { firstLine: chunk.firstLine, lastLine: chunk.lastLine } : null;
        this.#set({ phase: { name: 'cancelled', uncertain } });
        return null;
      }
    }
  }

  // Looked at before each request, as somebody may sign in between any two.
  #isOfSomebodyElse(): boolean {
    const { actor, actorNow } = this.options;
    if (actorNow() !== actor) this.end(otherActor(actor, actorNow()));
    return this.#ended;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #post(chunk: Chunk): Promise<Answered> {
    const { csv, entity, overrides, mode, run, send, requestMs = 60_000 } = this.options;
    const headers: Record<string, string> = { Accept: 'application/json', 'Content-Type': 'text/csv; charset=utf-8', 'X-Request-Id': run };
    if (mode === 'save') headers['Idempotency-Key'] = `${run}.${chunk.index}`;
    const deadline = new AbortController();
    const end = () => deadline.abort();
    const timer = setTimeout(end, requestMs);
    if (mode === 'try') this.#cancelled.signal.addEventListener('abort', end);
    try {
      const path = `/api/${entity}${importQuery(overrides, csv.isStrict, mode === 'try')}`;
      const answer = await send(path, { method: 'POST', headers, body: chunk.body, signal: deadline.signal });
      return answeredBy(answer.status, answer.headers, await answer.text());
    } catch {
      return { kind: 'later', reason: 'The server cannot be reached.', afterMs: 0, mayHaveLanded: true };
    } finally {
      clearTimeout(timer);
      this.#cancelled.signal.removeEventListener('abort', end);
    }
  }

  #take(chunk: Chunk, body: BulkAnswer): void {
    const { counts, chunks, rejectsLeftOut } = this.#progress;
    let leftOut = rejectsLeftOut;
    for (const result of body.results) {
      if (result.status !== 'rejected') continue;
      const rejected = this.#rejected(chunk, result);
      this.#rejectBytes += rejected.bytes.length;
      if (this.#rejects.length >= maxRejectsKept || this.#rejectBytes > maxRejectBytes) ++leftOut;
      else this.#rejects.push(rejected);
    }
    this.#set({
      counts: {
        rows: counts.rows + body.results.length,
        created: counts.created + body.created,
        updated: counts.updated + body.updated,
        unchanged: counts.unchanged + body.unchanged,
        rejected: counts.rejected + body.rejected,
      },
      chunks: chunks + 1,
      line: chunk.lastLine,
      share: Math.min(1, chunk.textOffset / Math.max(1, this.options.csv.textBytes)),
      rejects: this.#rejects,
      rejectsLeftOut: leftOut,
    });
  }

  #rejected(chunk: Chunk, result: BulkAnswer['results'][number]): Rejected {
    const at = (result.line !== undefined ? recordAt(chunk, result.line) : null) ?? { record: chunk.records[result.index]!, fileLine: chunk.records[result.index]?.fileLine ?? 0 };
    const { column = 0 } = result;
    return {
      line: at.fileLine,
      column: column > 0 ? (sentColumns(this.options.csv)[column - 1] ?? null) : null,
      columnNumber: column > 0 ? column + this.options.csv.skippedColumns : null,
      code: result.code ?? 'invalid',
      reasons: (result.errors ?? []).map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer.slice(1)}: ${detail}`)),
      bytes: at.record?.bytes ?? new Uint8Array(0),
      text: at.record ? textOf(at.record) : '',
    };
  }

  #set(changes: Partial<Progress>): void {
    this.#progress = { ...this.#progress, ...changes };
    this.options.onProgress(this.#progress);
  }
}

function answeredBy(status: number, headers: Headers, text: string): Answered {
  const type = headers.get('Content-Type') ?? '';
  let body: unknown = null;
  try {
    if (/\bjson\b/.test(type)) body = JSON.parse(text);
  } catch {
    return { kind: 'later', reason: 'The answer was cut off.', afterMs: 0, mayHaveLanded: true };
  }
  if (Array.isArray((body as BulkAnswer | null)?.results)) return { kind: 'answer', body: body as BulkAnswer };
  const problem = body as { title?: string; detail?: string } | null;
  const afterMs = Math.min(60_000, (Number(headers.get('Retry-After')) || 0) * 1000);
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    const isAway = status === 502 || status === 503 || status === 504;
    const reason = isAway ? 'The server is away for a moment.' : status === 429 ? 'The server asks to slow down.' : `The server answered ${status}.`;
    return { kind: 'later', reason, afterMs, mayHaveLanded: status >= 500 };
  }
  if (!type.startsWith('application/problem+json')) return { kind: 'later', reason: `Something else than the server answers (status ${status}).`, afterMs, mayHaveLanded: true };
  if (status === 401) return { kind: 'sign in' };
  if (status === 403) return { kind: 'refused', reason: 'You may not write here.' };
  return { kind: 'refused', reason: problem?.detail ?? problem?.title ?? `The server answered ${status}.` };
}
