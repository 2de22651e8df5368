// Numbers, dates and times as the reader's language writes them.
const number = new Intl.NumberFormat();
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const dayInUtc = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

export const numberText = (value: number): string => number.format(value);
/** `1 record`, `1,204 records`. */
export const countText = (count: number, one: string, many = `${one}s`): string => `${number.format(count)} ${count === 1 ? one : many}`;

const asDate = (value: string | number | Date) => (value instanceof Date ? value : new Date(value));

/** A moment: day and time. What is no date comes back as it is. */
export function momentText(value: string | number | Date): string {
  const date = asDate(value);
  return Number.isNaN(date.getTime()) ? String(value) : moment.format(date);
}

/** The time alone when it is today, else the day alone. */
export function shortMomentText(value: string | number | Date): string {
  const date = asDate(value);
  if (Number.isNaN(date.getTime())) return String(value);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : day.format(date);
}

/** A day without a time: `2026-11-26`. It is the same day everywhere. */
export function dayText(value: string): string {
  const date = new Date(`${value}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? value : dayInUtc.format(date);
}

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

/** `3 minutes ago` */
export function agoText(value: string | number | Date, nowMs = Date.now()): string {
  const seconds = (asDate(value).getTime() - nowMs) / 1000;
  if (Number.isNaN(seconds)) return String(value);
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** Any value of a record, on one line. */
export function plainText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
