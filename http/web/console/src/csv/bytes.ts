// A file as UTF-8, piece by piece: never more of it in memory than a few pieces.
import type { TextForm } from './encoding.ts';

export const pieceBytes = 1024 * 1024;
const lineFeed = 10;
const carriageReturn = 13;
const dosEnd = 0x1a;
const noUtf8 = 0xff; // what was no text in UTF-16 is refused by the server as its row's fault, not saved as something else

/** Reads the file's own bytes. Throws what the browser throws when the file has changed or is gone. */
export async function* rawPieces(file: Blob, signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < file.size; at += pieceBytes) {
    signal?.throwIfAborted();
    yield new Uint8Array(await file.slice(at, at + pieceBytes).arrayBuffer());
  }
}

/** The file's text as UTF-8 without a byte order mark, with line feeds where it has only carriage returns. */
export async function* textPieces(file: Blob, form: TextForm, signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const body = file.slice(form.markBytes);
  const decoder = form.encoding === 'utf-8' ? null : new TextDecoder(form.encoding);
  const encoder = new TextEncoder();
  let read = 0;
  for await (const raw of rawPieces(body, signal)) {
    read += raw.length;
    const isLast = read === body.size;
    let piece = decoder ? encoder.encode(decoder.decode(raw, { stream: !isLast })) : raw;
    if (form.encoding.startsWith('utf-16')) spoilReplaced(piece);
    if (form.bareReturns) piece = piece.map((byte) => (byte === carriageReturn ? lineFeed : byte));
    if (isLast && piece.at(-1) === dosEnd) piece = piece.subarray(0, -1);
    if (piece.length > 0) yield piece;
  }
}

// U+FFFD stands for a lone surrogate.
function spoilReplaced(utf8: Uint8Array): void {
  for (let at = utf8.indexOf(0xef); at >= 0; at = utf8.indexOf(0xef, at + 1)) {
    if (utf8[at + 1] === 0xbf && utf8[at + 2] === 0xbd) utf8.fill(noUtf8, at, at + 3);
  }
}
