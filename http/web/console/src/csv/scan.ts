// Splits one record off delimited UTF-8 text: the rules of the server (core/csv_scan.cpp), so that a file is divided where the
// server divides it. Pure.
export interface ScanOptions {
  delimiter: number;
  /** Every quote is a character. */
  literal?: boolean;
  /** No quoted field reaches beyond this offset. */
  limit: number;
}

export interface Scanned {
  /** Offset behind the record and its line end. */
  past: number;
  cells: number;
  quotedCells: number;
  /** A quote that began a field found no other quote up to the limit; and the field it began. */
  openQuote: boolean;
  openField: number;
  /** A quote that is a character. */
  strayQuote: boolean;
}

/** Where a cell's text stands; of a quoted one without the quotes, with inner quotes doubled. */
export interface CellSpan {
  from: number;
  to: number;
  isQuoted: boolean;
}

export const lineFeed = 10;
export const carriageReturn = 13;
const quote = 34;

/** `bytes` ends where the text ends, or far behind the record. Fills `spans` when given. */
export function scanRecord(bytes: Uint8Array, offset: number, options: ScanOptions, spans?: CellSpan[]): Scanned {
  const found: Scanned = { past: offset, cells: 0, quotedCells: 0, openQuote: false, openField: 0, strayQuote: false };
  const { delimiter, literal = false } = options;
  const limit = Math.min(options.limit, bytes.length);
  let at = offset;
  for (;;) {
    const field = found.cells++;
    let enclosedPast = -1;
    if (bytes[at] === quote && at < bytes.length) {
      if (!literal) enclosedPast = quotedPast(bytes, at, delimiter, limit, found, field);
      if (enclosedPast < 0) found.strayQuote = true;
    }
    if (enclosedPast >= 0) {
      ++found.quotedCells;
      spans?.push({ from: at + 1, to: enclosedPast - 1, isQuoted: true });
      at = enclosedPast;
    } else {
      const from = at;
      for (; at < bytes.length && bytes[at] !== delimiter && bytes[at] !== lineFeed; ++at) if (bytes[at] === quote) found.strayQuote = true;
      const endsLine = at === bytes.length || bytes[at] === lineFeed;
      spans?.push({ from, to: endsLine && at > from && bytes[at - 1] === carriageReturn ? at - 1 : at, isQuoted: false });
    }
    if (at < bytes.length && bytes[at] === delimiter) {
      ++at;
      continue;
    }
    break;
  }
  found.past = linePast(bytes, at);
  return found;
}

// Offset behind the closing quote of the field at `at`; -1: it is not enclosed.
function quotedPast(bytes: Uint8Array, at: number, delimiter: number, limit: number, found: Scanned, field: number): number {
  for (let from = at + 1; ; ) {
    const next = bytes.indexOf(quote, from);
    if (next < 0 || next >= limit) {
      if (!found.openQuote) found.openField = field;
      found.openQuote = true;
      return -1;
    }
    if (next + 1 < limit && bytes[next + 1] === quote) {
      from = next + 2;
      continue;
    }
    return endsField(bytes, next + 1, delimiter) ? next + 1 : -1;
  }
}

function endsField(bytes: Uint8Array, at: number, delimiter: number): boolean {
  if (at >= bytes.length || bytes[at] === delimiter || bytes[at] === lineFeed) return true;
  return bytes[at] === carriageReturn && (at + 1 === bytes.length || bytes[at + 1] === lineFeed);
}

/** Offset behind the line end of the physical line at `offset`. */
export function linePast(bytes: Uint8Array, offset: number): number {
  const end = bytes.indexOf(lineFeed, offset);
  return end < 0 ? bytes.length : end + 1;
}

/** A line of nothing but space. Tabs count as cells where they delimit. */
export function isBlankLine(bytes: Uint8Array, offset: number, past: number, delimiter: number): boolean {
  let end = past;
  if (end > offset && bytes[end - 1] === lineFeed) --end;
  if (end > offset && bytes[end - 1] === carriageReturn) --end;
  for (let at = offset; at < end; ++at) {
    const isSpace = bytes[at] === 32 || (bytes[at] === 9 && delimiter !== 9);
    if (!isSpace) return false;
  }
  return true;
}

export function countLineFeeds(bytes: Uint8Array, from: number, past: number): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed, from); at >= 0 && at < past; at = bytes.indexOf(lineFeed, at + 1)) ++count;
  return count;
}

const utf8 = new TextDecoder();
/** The cells' texts, as a person reads them. */
export function cellTexts(bytes: Uint8Array, spans: readonly CellSpan[]): string[] {
  return spans.map(({ from, to, isQuoted }) => {
    const text = utf8.decode(bytes.subarray(from, to));
    return isQuoted ? text.replaceAll('""', '"') : text;
  });
}
