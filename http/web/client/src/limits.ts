// Every time and size that bounds the client, with its name. connect({ limits }) replaces single ones.
export interface Limits {
  /** A request for one record, or a write, is given up after this time: its outcome is unknown then. */
  requestMs: number;
  /** The same while the backend is known to be away. */
  requestWhileOfflineMs: number;
  /** A whole list. */
  loadMs: number;
  /** How long connect() waits for the browser's storage before it goes on without. */
  openMs: number;
  /** A stream without a byte for so long is given up; the server speaks at least every 15 s. */
  silenceMs: number;
  /** Back-off: a random time below min(cap, base * 2^attempts). */
  retryBaseMs: number;
  retryCapMs: number;
  /** A follower asks the leading tab for a sign of life this often, and waits as long for it. */
  pingMs: number;
  /** An operation that one tab is sending is left alone by the others for so long. */
  leaseMs: number;
  /** A new operation is left for so long to the tab where it was made: its page waits for what becomes of it. */
  firstTryMs: number;
  /** Records under way at once. */
  lanesAtOnce: number;
  /** Records that saveAll puts into one request. */
  bulkItems: number;
  /** Operations that may wait; further saves are refused. */
  maxUnsent: number;
  /** Times that one operation is merged with what others saved before a person is asked. */
  maxRebases: number;
  /** Answers that are nobody's fault but the server's (500) before a person is asked. */
  maxServerErrors: number;
  /** An entity whose cache is further behind than this is loaded anew instead of caught up. */
  maxCatchUpEvents: number;
  /** Queries whose last load is remembered. */
  maxQueries: number;
  /** A clock that is further off than this is worth a warning. */
  maxSkewMs: number;
  /** Characters of one frame of the stream. */
  maxFrameLength: number;
}

export const defaultLimits: Limits = {
  requestMs: 10_000,
  requestWhileOfflineMs: 3_000,
  loadMs: 60_000,
  openMs: 2_000,
  silenceMs: 40_000,
  retryBaseMs: 500,
  retryCapMs: 30_000,
  pingMs: 2_500,
  leaseMs: 15_000,
  firstTryMs: 2_000,
  lanesAtOnce: 4,
  bulkItems: 200,
  maxUnsent: 10_000,
  maxRebases: 5,
  maxServerErrors: 10,
  maxCatchUpEvents: 10_000,
  maxQueries: 200,
  maxSkewMs: 300_000,
  maxFrameLength: 8 * 1024 * 1024,
};
