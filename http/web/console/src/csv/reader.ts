// Walks over a delimited file record by record within a bounded window, by the rules of the server's reader (core/csv.cpp): what
// is a record here is one there. `open` finds delimiter and header; whether the file is
// strict is found by a survey.
import { carriageReturn, cellTexts, countLineFeeds, isBlankLine, lineFeed, linePast, scanRecord, type CellSpan, type Scanned } from './scan.ts';

export interface Header {
  names: string[];
  /** As it stands in the file, with its line end. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The physical line where it begins, from 1, and how many it takes. */
  line: number;
  lines: number;
  delimiter: number;
}

/** Valid until the next one is asked for. */
export interface FileRecord {
  /** With its line end; the last of a file may have none. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The physical line where it begins, from 1, and how many it takes. */
  line: number;
  lines: number;
  cells: number;
  quotedCells: number;
  strayQuote: boolean;
}

/** What is wrong with the whole file, for a person. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile';
}

// As the server has them.
const maxQuotedBytes = 64 * 1024;
const maxQuotedLines = 100;
const maxColumns = 2_000;
/** A record that is longer than this ends the reading: it is no table, or one whose quotes never close. */
export const maxRecordBytes = 8 * 1024 * 1024;
const lookAhead = 2 * maxQuotedBytes;
const candidates = [44, 59, 9, 124]; // , ; tab |

export class RecordReader {
  #window: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #at = 0;
  #taken = 0; // bytes of the text before the window
  #isWhole = false;
  #line = 1;
  header!: Header;

  private constructor(private readonly pieces: AsyncIterator<Uint8Array<ArrayBuffer>>, private readonly isStrict: boolean) {}

  /** Throws UnreadableFile when there is no header. */
  static async open(pieces: AsyncIterable<Uint8Array<ArrayBuffer>>, isStrict: boolean): Promise<RecordReader> {
    const reader = new RecordReader(pieces[Symbol.asyncIterator](), isStrict);
    await reader.#readHeader();
    return reader;
  }

  /** Bytes of text that were walked over. */
  get offset(): number {
    return this.#taken + this.#at;
  }

  /** The file's physical line that comes next. */
  get line(): number {
    return this.#line;
  }

  async next(spans?: CellSpan[]): Promise<FileRecord | null> {
    for (;;) {
      const found = this.nextHere(spans);
      if (found !== 'more') return found;
      await this.#more();
    }
  }

  /** The same for what is in the window: 'more' when it is not enough. For loops over many records. */
  nextHere(spans?: CellSpan[]): FileRecord | null | 'more' {
    const { delimiter } = this.header;
    for (;;) {
      if (!this.#isWhole && this.#window.length - this.#at < lookAhead) return 'more';
      if (this.#at >= this.#window.length) return null;
      const past = linePast(this.#window, this.#at);
      if (past === this.#window.length && !this.#isWhole) return this.#wantMore();
      if (!isBlankLine(this.#window, this.#at, past, delimiter)) break;
      this.#at = past;
      ++this.#line;
    }
    if (spans) spans.length = 0;
    const found = this.isStrict
      ? scanRecord(this.#window, this.#at, { delimiter, limit: this.#window.length }, spans)
      : this.#tolerant(spans);
    if (!this.#isWhole && (found.past === this.#window.length || (this.isStrict && found.openQuote))) return this.#wantMore();
    const from = this.#at;
    const lines = this.#linesOf(from, found.past);
    const { cells, quotedCells, strayQuote } = found;
    const record = { bytes: this.#window.subarray(from, found.past), line: this.#line, lines, cells, quotedCells, strayQuote };
    for (const span of spans ?? []) {
      span.from -= from;
      span.to -= from;
    }
    this.#at = found.past;
    this.#line += lines;
    return record;
  }

  /** Walks to the end and counts. A strict reader answers null as soon as the file turns out not to be. */
  async survey(progress: (offset: number) => void | Promise<void>): Promise<{ records: number; lines: number } | null> {
    let [records, quotesWithinLines, hasQuotes, linesWouldBreak, reachesFar] = [0, false, false, false, false];
    let told = this.offset;
    for (;;) {
      const found = this.nextHere();
      if (found === 'more') {
        await this.#more();
        if (this.offset - told >= lookAhead) await progress((told = this.offset));
        continue;
      }
      if (found === null) break;
      ++records;
      if (!this.isStrict) continue;
      if (found.strayQuote || found.cells !== this.header.names.length) return null;
      hasQuotes ||= found.quotedCells > 0;
      if (found.quotedCells > 0 && found.lines === 1) quotesWithinLines = true;
      if (found.lines > 1) {
        linesWouldBreak ||= !this.#hasOnlyCompleteLines(found.bytes);
        reachesFar ||= found.bytes.length > quotedLimit(found.bytes, 0);
      }
    }
    // Two stray quotes may pair up over lines: that is believed only of a writer that is seen to quote elsewhere, of an export, or
    // where a line by itself would have too few cells or too many and none reaches far.
    const ofExport = this.header.delimiter === 44 && this.header.names[0] === 'id';
    if (this.isStrict && hasQuotes && !quotesWithinLines && !(linesWouldBreak && !reachesFar) && !ofExport) return null;
    return { records, lines: this.#line - 1 };
  }

  // What gives the header's number of cells: quotes that may span lines, quotes within the line, no quotes at all. Where
  // nothing does, the physical line stands by itself.
  #tolerant(spans?: CellSpan[]): Scanned {
    const { delimiter, names } = this.header;
    const [bytes, at] = [this.#window, this.#at];
    const past = linePast(bytes, at);
    const again = (limit: number, literal = false) => {
      if (spans) spans.length = 0;
      return scanRecord(bytes, at, { delimiter, limit, literal }, spans);
    };
    let found = again(past);
    const isComplete = found.cells === names.length && found.openField + 1 < names.length;
    if (found.openQuote && !isComplete) {
      const across = again(quotedLimit(bytes, at));
      if (across.past > past && !across.strayQuote && across.cells === names.length && !this.#swallowsCompleteLine(past, across.past)) return across;
      found = again(past);
    }
    if (found.cells !== names.length && found.quotedCells > 0) {
      const plain = again(past, true);
      found = plain.cells === names.length ? plain : again(past);
    }
    return { ...found, past };
  }

  #swallowsCompleteLine(from: number, past: number): boolean {
    if (this.header.names.length === 1) return false;
    for (let at = from; at < past; ) {
      const next = linePast(this.#window, at);
      if (this.#isCompleteLine(this.#window, at, next)) return true;
      at = next;
    }
    return false;
  }

  #hasOnlyCompleteLines(bytes: Uint8Array<ArrayBuffer>): boolean {
    for (let at = 0; at < bytes.length; ) {
      const next = linePast(bytes, at);
      if (!this.#isCompleteLine(bytes, at, next)) return false;
      at = next;
    }
    return true;
  }

  #isCompleteLine(bytes: Uint8Array<ArrayBuffer>, from: number, past: number): boolean {
    const { delimiter, names } = this.header;
    let cells = 1;
    for (let look = from; look < past; ++look) if (bytes[look] === delimiter) ++cells;
    return cells === names.length;
  }

  async #readHeader(): Promise<void> {
    let past: number;
    for (;;) {
      while (!this.#isWhole && this.#window.length - this.#at < lookAhead) await this.#more();
      if (this.#at >= this.#window.length) throw new UnreadableFile('The file is empty: there is no line with column names.');
      past = linePast(this.#window, this.#at);
      if (!isBlankLine(this.#window, this.#at, past, 9)) break;
      this.#at = past;
      ++this.#line;
    }
    const [bytes, at] = [this.#window, this.#at];
    const delimiter = findDelimiter(bytes, at, past);
    const spans: CellSpan[] = [];
    const found = scanRecord(bytes, at, { delimiter, limit: quotedLimit(bytes, at) }, spans);
    if (found.past === bytes.length && !this.#isWhole) throw new UnreadableFile('The first line is longer than a line with column names can be: this is no table.');
    const names = cellTexts(bytes, spans).map((name) => name.replace(/^[ \t]+|[ \t]+$/g, ''));
    if (names.some((name) => /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd]/.test(name))) throw new UnreadableFile('The first line is not column names but has characters that are no text.');
    if (names.every((name) => name === '')) throw new UnreadableFile('The first line has no column names.');
    if (names.length > maxColumns) throw new UnreadableFile(`The first line names ${names.length} columns; the server takes 2,000.`);
    const lines = this.#linesOf(at, found.past);
    this.header = { names, bytes: bytes.slice(at, found.past), line: this.#line, lines, delimiter };
    this.#at = found.past;
    this.#line += lines;
  }

  #linesOf(from: number, past: number): number {
    const breaks = countLineFeeds(this.#window, from, past);
    return this.#window[past - 1] === lineFeed ? breaks : breaks + 1;
  }

  #wantMore(): 'more' {
    if (this.#window.length - this.#at > maxRecordBytes) throw new UnreadableFile(`Line ${this.#line} is longer than a record can be: this is no table.`);
    return 'more';
  }

  async #more(): Promise<void> {
    const { done, value } = await this.pieces.next();
    if (done) {
      this.#isWhole = true;
      return;
    }
    const kept = this.#window.subarray(this.#at);
    const window = new Uint8Array(kept.length + value.length);
    window.set(kept);
    window.set(value, kept.length);
    this.#taken += this.#at;
    this.#window = window;
    this.#at = 0;
  }
}

// The candidate that the header's line has most of, outside quotes.
function findDelimiter(bytes: Uint8Array, from: number, past: number): number {
  const counts = candidates.map(() => 0);
  let isEnclosed = false;
  for (let at = from; at < past; ++at) {
    if (bytes[at] === 34) isEnclosed = !isEnclosed;
    const which = isEnclosed ? -1 : candidates.indexOf(bytes[at]!);
    if (which >= 0) ++counts[which]!;
  }
  return candidates[counts.indexOf(Math.max(...counts))]!;
}

function quotedLimit(bytes: Uint8Array, offset: number): number {
  const farthest = Math.min(bytes.length, offset + maxQuotedBytes);
  let at = offset;
  for (let lines = 0; lines < maxQuotedLines && at < farthest; ++lines) at = linePast(bytes, at);
  return Math.min(at, farthest);
}

/** The record without its line end. */
export function withoutLineEnd(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let end = bytes.length;
  if (bytes[end - 1] === lineFeed) --end;
  if (bytes[end - 1] === carriageReturn) --end;
  return bytes.subarray(0, end);
}
