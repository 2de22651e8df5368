// Files that are no delimited text, told by their first bytes before anything else is done with them.
import { zeroByteEncoding } from './encoding.ts';

const sampleBytes = 4096;

interface Kind {
  name: string;
  begins: readonly number[];
  advice: string;
}

const spreadsheet = 'In the spreadsheet program choose “Save as” and then CSV.';
const kinds: readonly Kind[] = [
  { name: 'an Excel workbook or another zipped file', begins: [0x50, 0x4b, 0x03, 0x04], advice: spreadsheet },
  { name: 'an empty zip archive', begins: [0x50, 0x4b, 0x05, 0x06], advice: 'Unpack it and choose the CSV file in it.' },
  { name: 'an old Excel or Word file', begins: [0xd0, 0xcf, 0x11, 0xe0], advice: spreadsheet },
  { name: 'a PDF', begins: [0x25, 0x50, 0x44, 0x46], advice: 'Ask for the table itself, as CSV.' },
  { name: 'a gzip archive', begins: [0x1f, 0x8b], advice: 'Unpack it and choose the CSV file in it.' },
  { name: 'a picture', begins: [0x89, 0x50, 0x4e, 0x47], advice: 'Choose the CSV file.' },
  { name: 'a picture', begins: [0xff, 0xd8, 0xff], advice: 'Choose the CSV file.' },
  { name: 'a picture', begins: [0x47, 0x49, 0x46, 0x38], advice: 'Choose the CSV file.' },
  { name: 'an RTF document', begins: [0x7b, 0x5c, 0x72, 0x74, 0x66], advice: spreadsheet },
];

/** Why the file cannot be imported, for a person; null: it may be a table. */
export async function wrongKind(file: Blob): Promise<string | null> {
  if (file.size === 0) return 'The file is empty.';
  const sample = new Uint8Array(await file.slice(0, sampleBytes).arrayBuffer());
  const known = kinds.find(({ begins }) => begins.every((byte, at) => sample[at] === byte));
  if (known) return `This is ${known.name}, not a CSV file. ${known.advice}`;
  const isWide = (sample[0] === 0xff && sample[1] === 0xfe) || (sample[0] === 0xfe && sample[1] === 0xff) || zeroByteEncoding(sample) !== null;
  const text = isWide ? '' : new TextDecoder('windows-1252').decode(sample).trimStart();
  if (/^<(!doctype|html|\?xml)/i.test(text)) return 'This is a web page or an XML file, not a CSV file. Open it in a spreadsheet program, choose “Save as” and then CSV.';
  if (/^[[{]/.test(text)) return 'This looks like JSON, not a CSV file. The server takes JSON too, by its API; this page reads tables.';
  // As the server counts: one in fifty, and one in the smallest file.
  let controls = 0;
  if (!isWide) for (const byte of sample) if (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13) ++controls;
  if (controls * 50 > sample.length + 50) return 'This is no text but a file of some program. Choose a CSV file.';
  return null;
}
