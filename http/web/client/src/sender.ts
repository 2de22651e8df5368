// Sends what waits: the oldest operation of each record, a few records at once. A save is tried at once in the tab where it
// was made; what could not be sent then is the leading tab's, with back-off. Refused sign-ins hold everything.
import type { Cache, RecordChange } from './cache.js';
import type { StoredRow } from './entity.js';
import type { Limits } from './limits.js';
import { requestOf, type Item, type Operation } from './operation.js';
import type { Outbox, Settlement } from './outbox.js';
import type { Problem } from './problem.js';
import { fullJitter } from './retry.js';
import { accepted, acceptedBulk, alreadyGone, isAnswerTo, refused } from './settlement.js';
import { positionOf } from './stream.js';
import type { Outcome, Transport } from './transport.js';

export type Verdict =
  | { stored: 'backend'; records: StoredRow[] }
  | { stored: 'outbox'; reason: string }
  | { stored: 'attention'; problems: { key: string; problem: Problem }[] };

export interface SenderHandlers {
  onOutcome(outcome: Outcome<unknown>): void;
  /** Told to the other tabs. */
  onSettled(settlement: Settlement): void;
  onReleased(): void;
  /** When it tries again by itself; null: nothing is planned here. */
  onNextTry(at: Date | null): void;
  nowMs(): number;
}

const tokenLookMs = 2_000;
const signIn = 'sign in';

export class Sender {
  #waiters = new Map<string, ((verdict: Verdict) => void)[]>();
  #own = new Set<string>(); // what this tab was asked to save and has not tried
  #underWay = new Map<string, Promise<void>>();
  #attempts = 0;
  #notBeforeMs = 0; // the backend asked to be left alone until then
  #timer: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #heldToken: string | null | undefined; // the token that was refused
  #heldReason = signIn;
  #stopped = false;
  /** Whether this tab sends what others left. */
  drains = false;
  offline = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly cache: Cache,
    private readonly transport: Transport,
    private readonly limits: Limits,
    private readonly handlers: SenderHandlers,
  ) {}

  get held(): boolean {
    return this.#heldToken !== undefined;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    for (const key of [...this.#waiters.keys()]) this.#tell(key, { stored: 'outbox', reason: 'closed' });
  }

  /** Tries an operation that was just added; answers what became of it in this attempt. */
  async send(operation: Operation): Promise<Verdict> {
    if (this.#stopped) return { stored: 'outbox', reason: 'closed' };
    return new Promise((resolve) => {
      const patienceMs = this.limits.requestMs * (2 + this.#own.size); // those before it may take as long
      const late = setTimeout(() => this.#tell(operation.key, { stored: 'outbox', reason: 'timeout' }), patienceMs);
      const told = (verdict: Verdict) => {
        clearTimeout(late);
        resolve(verdict);
      };
      this.#waiters.set(operation.key, [...(this.#waiters.get(operation.key) ?? []), told]);
      this.#own.add(operation.key);
      this.kick();
    });
  }

  /** The backend answers again, or something new waits: goes on now. */
  hurry(): void {
    if (performance.now() < this.#notBeforeMs) return;
    this.#attempts = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.handlers.onNextTry(null);
    this.kick();
  }

  /** A person does not want to wait, whatever the backend asked for. */
  sendNow(): void {
    this.#notBeforeMs = 0;
    this.hurry();
  }

  /** The user has signed in again. */
  resume(): void {
    this.#heldToken = undefined;
    this.hurry();
  }

  /** Nothing is sent until there is another token than this one, or resume(). */
  hold(token: string | null, reason = signIn): void {
    this.#heldToken = token;
    this.#heldReason = reason;
  }

  kick(): void {
    if (this.#stopped) return;
    if (this.held) {
      for (const key of [...this.#own]) this.#tell(key, { stored: 'outbox', reason: this.#heldReason });
      return;
    }
    for (const operation of this.outbox.ready(this.handlers.nowMs())) {
      if (this.#underWay.size >= this.limits.lanesAtOnce) break;
      if (this.#underWay.has(operation.key)) continue;
      const mayWait = !this.#own.has(operation.key);
      if (mayWait && (!this.drains || this.#timer !== undefined)) continue;
      this.#start(operation);
    }
    for (const key of this.#own) this.#giveUpIfBlocked(key);
    this.#lookAgain();
  }

  // What a tab that is gone was sending is free after its lease; what it wrote down as it died, nobody was told of.
  #lookAgain(): void {
    clearTimeout(this.#again);
    if (!this.drains || this.#underWay.size > 0) return;
    const waits = this.outbox.operations.some(({ state }) => state === 'waiting');
    const afterMs = waits ? this.limits.leaseMs / 3 : this.limits.leaseMs;
    this.#again = setTimeout(() => void this.outbox.refresh().then(() => this.kick()), afterMs);
  }

  /** Another tab may have settled what a caller here waits for. */
  noteElsewhere(): void {
    for (const key of [...this.#waiters.keys()]) {
      if (this.#underWay.has(key)) continue;
      const left = this.outbox.operations.filter((one) => one.key === key || one.key.startsWith(`${key}.`)); // itself, or of a bulk that was taken apart
      const verdict = verdictOf(left);
      if (verdict.stored === 'attention' || left.length === 0) this.#tell(key, verdict);
    }
  }

  /** It was given up before it was through. */
  noteDiscarded(key: string): void {
    this.#tell(key, { stored: 'outbox', reason: 'discarded' });
  }

  /** Returns when nothing is on the wire. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  // Behind something that this tab does not send, it is the leading tab's.
  #giveUpIfBlocked(key: string): void {
    const operation = this.outbox.find(key);
    if (!operation || this.#underWay.has(key)) return;
    for (const lane of operation.lanes) {
      const before = this.outbox.ofLane(lane).find((one) => one.seq < operation.seq);
      if (!before || this.#own.has(before.key) || this.#underWay.has(before.key)) continue;
      return this.#tell(key, { stored: 'outbox', reason: 'an earlier change waits' });
    }
  }

  #start(operation: Operation): void {
    const work = this.#process(operation)
      .catch(() => this.#failed(operation))
      .finally(() => {
        this.#underWay.delete(operation.key);
        this.noteElsewhere();
        this.kick();
      });
    this.#underWay.set(operation.key, work);
  }

  // Nobody foresaw it. It waits, and is not tried again at once.
  async #failed(operation: Operation): Promise<void> {
    this.#tell(operation.key, { stored: 'outbox', reason: 'storage' });
    this.#backOff(0);
    await this.outbox.release(operation).catch(() => {});
  }

  async #process(operation: Operation): Promise<void> {
    const claimed = await this.outbox.claim(operation, this.handlers.nowMs());
    if (!claimed) {
      await this.outbox.refresh(); // another tab was first, and will say what became of it
      return;
    }
    const { method, path, body, headers } = requestOf(claimed);
    const held = this.cache.position(claimed.entity, claimed.items[0]!.id);
    const timeoutMs = this.offline ? this.limits.requestWhileOfflineMs : this.limits.requestMs;
    const isAnswer = (answer: unknown) => isAnswerTo(claimed, answer);
    const outcome = await this.transport.request<unknown>(path, { method, body, headers, timeoutMs, isAnswer });
    this.handlers.onOutcome(outcome);
    if (outcome.kind === 'later') return this.#later(claimed, outcome);
    if (outcome.kind === 'unauthorized') {
      this.hold(outcome.token);
      await this.outbox.release(claimed, { reason: signIn });
      this.handlers.onReleased();
      this.#tell(claimed.key, { stored: 'outbox', reason: signIn });
      return this.#wait(tokenLookMs);
    }
    this.#attempts = 0;
    const settlement = await this.#settlementOf(claimed, outcome, held);
    await this.outbox.settle(claimed, settlement);
    this.handlers.onSettled(settlement);
    const goesOn = settlement.replace.some(({ state, key }) => state === 'waiting' && key === claimed.key);
    if (goesOn) return;
    const rest = settlement.replace.filter(({ state }) => state === 'waiting'); // of a bulk
    this.#tell(claimed.key, verdictOf(settlement.replace, settlement), rest);
  }

  // `held`: the position that the record had when the backend was asked.
  async #settlementOf(operation: Operation, outcome: Extract<Outcome<unknown>, { kind: 'answer' | 'refused' }>, held: number): Promise<Settlement> {
    const now = this.handlers.nowMs();
    if (outcome.kind === 'answer') {
      const made = operation.kind === 'bulk' ? acceptedBulk(operation, outcome.body, this.limits, now) : accepted(operation, outcome.body, now);
      if (!outcome.isReplayed) return made;
      // As old as the first one: what a later list did not have is gone since.
      const isNews = ({ entity, id, position }: RecordChange) =>
        position > positionOf(this.cache.cursor(entity) ?? '') || this.cache.rows(entity).has(id);
      return { ...made, records: made.records.filter(isNews) };
    }
    if (operation.kind === 'bulk' && isAnswerTo(operation, outcome.problem)) {
      return acceptedBulk(operation, outcome.problem, this.limits, now);
    }
    // A repeated answer says only what was so at first: it may have been made meanwhile.
    if (operation.kind === 'remove' && outcome.status === 404) return alreadyGone(operation, this.cache, outcome.isReplayed ? 0 : held, now);
    return refused(await this.#withBase(operation, outcome.problem), outcome.problem, this.limits);
  }

  // A merge needs the version that the change started from. The cache may have lost it; the history has it.
  async #withBase(operation: Operation, problem: Problem): Promise<Operation> {
    const [item] = operation.items as [Item];
    if (!problem.current || operation.kind === 'bulk' || item.version === null) return operation;
    if (item.base) return operation;
    const path = `/api/${operation.entity}/${encodeURIComponent(item.id)}?version=${item.version}`;
    const then = await this.transport.request<StoredRow>(path, { timeoutMs: this.limits.requestMs });
    return then.kind === 'answer' ? { ...operation, items: [{ ...item, base: then.body }] } : operation;
  }

  async #later(operation: Operation, outcome: Extract<Outcome<unknown>, { kind: 'later' }>): Promise<void> {
    const serverErrors = operation.serverErrors + (outcome.reason === 'status 500' || outcome.reason.includes('not the backend') ? 1 : 0);
    if (serverErrors >= this.limits.maxServerErrors) {
      const problem: Problem = { status: 500, code: 'unknown', title: 'No useful answer', detail: `${outcome.reason}, ${serverErrors} times` };
      const settlement = refused({ ...operation, serverErrors: 0 }, problem, this.limits);
      await this.outbox.settle(operation, settlement);
      this.handlers.onSettled(settlement);
      this.#tell(operation.key, verdictOf(settlement.replace));
    } else {
      await this.outbox.release(operation, { serverErrors, tries: (operation.tries ?? 0) + 1, reason: outcome.reason });
      this.handlers.onReleased();
    }
    for (const key of [...this.#own]) if (!this.#underWay.has(key)) this.#tell(key, { stored: 'outbox', reason: outcome.reason });
    this.#tell(operation.key, { stored: 'outbox', reason: outcome.reason });
    this.#backOff(outcome.retryAfterMs);
  }

  // What another answer asked for holds as well.
  #backOff(retryAfterMs: number): void {
    const jitter = fullJitter(this.#attempts++, this.limits.retryBaseMs, this.limits.retryCapMs);
    this.#notBeforeMs = Math.max(this.#notBeforeMs, performance.now() + retryAfterMs);
    this.#wait(Math.max(jitter, this.#notBeforeMs - performance.now()));
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.handlers.onNextTry(new Date(this.handlers.nowMs() + ms));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.handlers.onNextTry(null);
      void this.#next();
    }, ms);
  }

  async #next(): Promise<void> {
    if (this.held) {
      const token = await this.transport.token().catch(() => null);
      if (this.#stopped) return;
      if (this.#heldReason !== signIn || token === this.#heldToken) return this.#wait(tokenLookMs);
      this.#heldToken = undefined;
    }
    await this.outbox.promote();
    this.kick();
  }

  // `rest`: what is still to be sent of it, and told with it.
  #tell(key: string, verdict: Verdict, rest: readonly Operation[] = []): void {
    this.#own.delete(key);
    const waiters = this.#waiters.get(key);
    this.#waiters.delete(key);
    if (!waiters) return;
    void Promise.all(rest.map((one) => this.send(one))).then((verdicts) => {
      for (const told of waiters) told(worst([verdict, ...verdicts]));
    });
  }
}

function worst(verdicts: Verdict[]): Verdict {
  const problems = verdicts.flatMap((one) => (one.stored === 'attention' ? one.problems : []));
  if (problems.length > 0) return { stored: 'attention', problems };
  return verdicts.find(({ stored }) => stored === 'outbox') ?? verdicts[0]!;
}

function verdictOf(replace: readonly Operation[], settlement?: Settlement): Verdict {
  const problems = replace.flatMap(({ key, state, problem }) => (state === 'attention' && problem ? [{ key, problem }] : []));
  if (problems.length > 0) return { stored: 'attention', problems };
  return { stored: 'backend', records: (settlement?.records ?? []).flatMap(({ row }) => (row ? [row as StoredRow] : [])) };
}
