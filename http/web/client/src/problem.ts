// What the backend refused, and why.
export interface FieldError {
  /** RFC 6901; empty is the whole record. */
  pointer: string;
  detail: string;
}

export interface Problem {
  status: number;
  /** Stable, for programs: `invalid`, `taken`, `stale_version`, `not_found` … */
  code: string;
  title: string;
  detail?: string;
  errors?: FieldError[];
  current?: Record<string, unknown>;
}

/** The backend answered and refused: repeating the same will not help. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }
}

/** The backend did not answer, or said to come again. What is asked for may exist. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  constructor(readonly reason: string) {
    super(`the backend cannot be reached (${reason})`);
  }
}

/** The outbox holds as much as it may: nothing was kept of this save. */
export class OutboxFullError extends Error {
  override readonly name = 'OutboxFullError';
  constructor(readonly limit: number) {
    super(`${limit} changes wait; no more are taken until some are sent`);
  }
}
