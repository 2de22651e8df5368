// What kind of text a file is, by the rules of the server (core/csv_text.cpp): a byte order mark, zero bytes, and whether
// UTF-8 fits.
import { rawPieces } from './bytes.ts';

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

export interface TextForm {
  encoding: Encoding;
  /** Length of the byte order mark. */
  markBytes: number;
  /** How the encoding was found. */
  because: 'mark' | 'zero bytes' | 'valid' | 'mostly valid' | 'not UTF-8' | 'chosen';
  /** UTF-8 with places that are none: the rows that have them are refused. */
  brokenPlaces: number;
  /** Lines end with carriage returns alone. */
  bareReturns: boolean;
}

const sampleBytes = 64 * 1024;

export async function findEncoding(file: Blob, signal?: AbortSignal): Promise<TextForm> {
  const sample = new Uint8Array(await file.slice(0, sampleBytes).arrayBuffer());
  const [first, second, third] = sample;
  if (first === 0xef && second === 0xbb && third === 0xbf) return measured(file, 'utf-8', 3, 'mark', signal);
  if (first === 0xff && second === 0xfe) return measured(file, 'utf-16le', 2, 'mark', signal);
  if (first === 0xfe && second === 0xff) return measured(file, 'utf-16be', 2, 'mark', signal);
  const wide = zeroByteEncoding(sample);
  if (wide) return measured(file, wide, 0, 'zero bytes', signal);
  return measured(file, 'utf-8', 0, 'valid', signal);
}

/** The same for an encoding that a person chose instead. */
export async function takeEncoding(file: Blob, encoding: Encoding, signal?: AbortSignal): Promise<TextForm> {
  const found = await findEncoding(file, signal);
  if (found.encoding === encoding) return found;
  const markBytes = encoding.slice(0, 5) === found.encoding.slice(0, 5) ? found.markBytes : 0;
  return { ...(await measured(file, encoding, markBytes, 'mark', signal)), because: 'chosen' };
}

/** UTF-16 without a mark shows in Latin text as zeros in every second byte. */
export function zeroByteEncoding(sample: Uint8Array): Encoding | null {
  const zeros = [0, 0];
  for (let at = 0; at < sample.length; ++at) if (sample[at] === 0) ++zeros[at % 2]!;
  const units = Math.floor(sample.length / 2);
  if (units < 2) return null;
  const mostly = (count: number) => count * 10 >= units * 4;
  const hardly = (count: number) => count * 20 <= units;
  if (mostly(zeros[1]!) && hardly(zeros[0]!)) return 'utf-16le';
  if (mostly(zeros[0]!) && hardly(zeros[1]!)) return 'utf-16be';
  return null;
}

async function measured(file: Blob, encoding: Encoding, markBytes: number, because: TextForm['because'], signal?: AbortSignal): Promise<TextForm> {
  const count = new Utf8Count();
  let hasLineFeed = false;
  for await (const piece of rawPieces(file.slice(markBytes), signal)) {
    hasLineFeed ||= piece.includes(10); // a 10 within a UTF-16 unit does no harm: such files have line feeds
    if (encoding === 'utf-8') count.push(piece);
    else if (hasLineFeed) break;
  }
  count.end();
  const form: TextForm = { encoding, markBytes, because, brokenPlaces: count.broken, bareReturns: !hasLineFeed };
  if (encoding !== 'utf-8' || because === 'mark' || count.broken === 0) return form;
  // Broken places are one bad row of a UTF-8 file, or every accent of another: what prevails decides.
  if (count.wellFormed > 4 * count.broken) return { ...form, because: 'mostly valid' };
  return { ...form, encoding: 'windows-1252', because: 'not UTF-8', brokenPlaces: 0 };
}

/** Counts sequences of several bytes, and bytes that belong to none, over pieces. */
export class Utf8Count {
  broken = 0;
  wellFormed = 0;
  #rest: Uint8Array = new Uint8Array(0);

  push(piece: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? piece : joined(this.#rest, piece);
    this.#rest = bytes.subarray(this.#count(bytes, bytes.length - 3));
  }

  end(): void {
    this.#count(this.#rest, this.#rest.length);
    this.#rest = new Uint8Array(0);
  }

  #count(bytes: Uint8Array, until: number): number {
    let at = 0;
    while (at < until) {
      if (bytes[at]! < 0x80) {
        ++at;
        continue;
      }
      const length = sequenceLength(bytes, at);
      if (length === 0) ++this.broken;
      else ++this.wellFormed;
      at += Math.max(length, 1);
    }
    return Math.max(at, 0);
  }
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

/** Length of the well-formed sequence of several bytes that begins at `at`; 0: none does. */
export function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  const length = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  for (let next = at + 1; next < at + length; ++next) if ((bytes[next]! & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1]!;
  if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return 0;
  if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) return 0;
  return length;
}
