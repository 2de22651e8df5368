// A file of the rows that were refused: the original lines, and before each where it stood and why. Corrected, it can be imported as it is: its
// two first columns are known here and not sent.
import { rejectColumns, sentColumns, type CsvFile } from '../../csv/file.ts';
import { withoutLineEnd } from '../../csv/reader.ts';
import type { Rejected } from './job.ts';

const lineEnd = '\r\n';

export function rejectsFile(csv: CsvFile, rejects: readonly Rejected[]): Blob {
  const delimiter = String.fromCharCode(csv.header.delimiter);
  const header = [...rejectColumns, ...sentColumns(csv).map((name) => quotedIfNeeded(name, delimiter))].join(delimiter);
  const parts: BlobPart[] = ['\ufeff', header, lineEnd]; // the mark: spreadsheets take the file for another encoding without
  for (const { line, reasons, bytes } of rejects) {
    parts.push(`${line}${delimiter}${quoted(reasons.join('; '))}${delimiter}`, withoutLineEnd(bytes), lineEnd);
  }
  return new Blob(parts, { type: 'text/csv;charset=utf-8' });
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const quotedIfNeeded = (text: string, delimiter: string): string => (/["\r\n]/.test(text) || text.includes(delimiter) ? quoted(text) : text);
