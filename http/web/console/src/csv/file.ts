// A delimited file on this device: what it is, its first rows, and its records in chunks that the server takes one by one.
import { textPieces } from './bytes.ts';
import { findEncoding, takeEncoding, type Encoding, type TextForm } from './encoding.ts';
import { RecordReader, UnreadableFile, withoutLineEnd, type FileRecord, type Header } from './reader.ts';
import { cellTexts, scanRecord, type CellSpan } from './scan.ts';

export interface CsvFile {
  file: File;
  form: TextForm;
  header: Header;
  /** All quotes enclose cells properly: line breaks in quotes are believed. */
  isStrict: boolean;
  records: number;
  /** Physical lines of the whole file. */
  lines: number;
  /** Bytes of text, as UTF-8. */
  textBytes: number;
  preview: PreviewRow[];
  /** The file is a list of rejected lines that was made here: its first columns say where they come from. */
  skippedColumns: number;
}

export interface PreviewRow {
  line: number;
  cells: string[];
}

/** What stands before the original columns in a file of rejected lines. */
export const rejectColumns = ['rejected_line', 'rejected_because'] as const;
const previewRows = 20;

export interface OpenOptions {
  signal?: AbortSignal;
  progress?: (share: number) => void;
  /** In place of what is found. */
  encoding?: Encoding;
}

/** Reads the whole file once or twice, piece by piece. Throws UnreadableFile when it is no table. */
export async function openCsv(file: File, options: OpenOptions = {}): Promise<CsvFile> {
  const { signal, progress = () => {}, encoding } = options;
  const form = encoding ? await takeEncoding(file, encoding, signal) : await findEncoding(file, signal);
  const open = (isStrict: boolean) => RecordReader.open(textPieces(file, form, signal), isStrict);
  const told = async (offset: number) => {
    signal?.throwIfAborted();
    progress(Math.min(1, offset / Math.max(1, file.size)));
    await new Promise((resolve) => setTimeout(resolve)); // the page stays alive
  };
  let reader = await open(true);
  let isStrict = true;
  let counts = await reader.survey(told).catch((error: unknown) => {
    if (error instanceof UnreadableFile) return null; // a quote that never closes
    throw error;
  });
  if (!counts) {
    isStrict = false;
    reader = await open(false);
    counts = (await reader.survey(told))!;
  }
  const { header } = reader;
  const isOfRejects = rejectColumns.every((name, at) => header.names[at] === name) && header.names.length > rejectColumns.length;
  const skippedColumns = isOfRejects ? rejectColumns.length : 0;
  const made: CsvFile = { file, form, header, isStrict, ...counts, textBytes: reader.offset, preview: [], skippedColumns };
  return { ...made, preview: await firstRows(made) };
}

async function firstRows(csv: CsvFile): Promise<PreviewRow[]> {
  const reader = await RecordReader.open(textPieces(csv.file, csv.form), csv.isStrict);
  const rows: PreviewRow[] = [];
  const spans: CellSpan[] = [];
  while (rows.length < previewRows) {
    const record = await reader.next(spans);
    if (!record) break;
    rows.push({ line: record.line, cells: cellTexts(record.bytes, spans).slice(csv.skippedColumns) });
  }
  return rows;
}

/** The columns that are sent. */
export const sentColumns = (csv: CsvFile): string[] => csv.header.names.slice(csv.skippedColumns);

export interface ChunkLimits {
  lines: number;
  bytes: number;
}

export interface Chunk {
  index: number;
  /** The header and some records: a file of its own for the server. */
  body: Blob;
  records: ChunkRecord[];
  /** Physical lines of the file: the first and the last of it. */
  firstLine: number;
  lastLine: number;
  /** Bytes of the file's text up to its end. */
  textOffset: number;
}

export interface ChunkRecord {
  /** Where it begins: a line of the chunk, and of the file. */
  chunkLine: number;
  fileLine: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/** The same limits divide the same file in the same way. */
export async function* chunksOf(csv: CsvFile, limits: ChunkLimits, signal?: AbortSignal): AsyncGenerator<Chunk> {
  const reader = await RecordReader.open(textPieces(csv.file, csv.form, signal), csv.isStrict);
  const header = completeLine(stripped(reader.header.bytes, csv));
  const headerLines = reader.header.lines;
  for (let index = 0; ; ++index) {
    const records: ChunkRecord[] = [];
    let [bytes, lines, lastLine] = [0, headerLines, 0];
    while (bytes < limits.bytes && lines - headerLines < limits.lines) {
      const record = await reader.next();
      if (!record) break;
      const kept = stripped(record.bytes, csv);
      records.push({ chunkLine: lines + 1, fileLine: record.line, bytes: kept });
      bytes += kept.length;
      lines += record.lines;
      lastLine = record.line + record.lines - 1;
    }
    if (records.length === 0) return;
    const body = new Blob([header, ...records.map((record) => record.bytes)]);
    yield { index, body, records, firstLine: records[0]!.fileLine, lastLine, textOffset: reader.offset };
  }
}

// A copy without the columns that are not sent.
function stripped(bytes: Uint8Array<ArrayBuffer>, csv: CsvFile): Uint8Array<ArrayBuffer> {
  if (csv.skippedColumns === 0) return bytes.slice();
  const spans: CellSpan[] = [];
  scanRecord(bytes, 0, { delimiter: csv.header.delimiter, limit: bytes.length }, spans);
  const first = spans[csv.skippedColumns];
  return first ? bytes.slice(first.isQuoted ? first.from - 1 : first.from) : bytes.slice();
}

function completeLine(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.at(-1) === 10) return bytes;
  const ended = new Uint8Array(bytes.length + 1);
  ended.set(bytes);
  ended[bytes.length] = 10;
  return ended;
}

/** The record that the server means by a line of a chunk, and that line of the file. */
export function recordAt(chunk: Chunk, chunkLine: number): { record: ChunkRecord; fileLine: number } | null {
  let [low, high] = [0, chunk.records.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk.records[middle]!.chunkLine <= chunkLine) low = middle + 1;
    else high = middle;
  }
  const record = chunk.records[low - 1];
  return record ? { record, fileLine: record.fileLine + chunkLine - record.chunkLine } : null;
}

export const textOf = (record: FileRecord | ChunkRecord): string => new TextDecoder().decode(withoutLineEnd(record.bytes));
