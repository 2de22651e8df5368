// Files in the dialect of the older system's export, and in others, made here.
import { seeded } from './random.mjs';

// As Node.js 18 has no File: a Blob with what the page needs of one.
export const fileOf = (parts, name = 'list.csv') => Object.assign(new Blob(parts), { name, lastModified: 1_700_000_000_000 });

const named = ['DRN', 'DAF', 'NAME', 'SEX', 'BIRTH_DATE', 'CITY', 'MOBILE_TELE', 'SALES_OFFICE', 'EMAIL'];
export const distributorColumns = [...named, ...Array.from({ length: 51 - named.length }, (_, n) => `EXTRA_${n + 1}`)];

// Rows of the distributor file: semicolons, CRLF, 51 columns. `broken`: numbers of rows that a line break cuts in two.
export function distributorFile({ rows, broken = [], first = 1 }) {
  const lines = [distributorColumns.join(';')];
  for (let n = first; n < first + rows; ++n) {
    const cells = [`D${n}`, 'N/A', n % 7 === 0 ? `Ann "${n}" Other` : `Ann Other ${n}`, 'F', '1985/07/14', 'Here', `08${n}`, n % 2 ? 'north' : 'south', ''];
    while (cells.length < distributorColumns.length) cells.push(n % 5 === 0 ? '?' : 'N/A');
    const line = cells.join(';');
    const middle = line.indexOf('Here') + 2;
    lines.push(broken.includes(n) ? `${line.slice(0, middle)}\r\n${line.slice(middle)}` : line);
  }
  return `${lines.join('\r\n')}\r\n`;
}

export function utf16(text, { bigEndian = false, mark = true } = {}) {
  const bytes = Buffer.from((mark ? '\ufeff' : '') + text, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
}

// A file of random dialect with everything that goes wrong in such files, of clients. Repeatable by its seed.
export function randomFile(seed) {
  const random = seeded(seed);
  const next = (below) => Math.floor(random() * below);
  const pick = (list) => list[next(list.length)];
  const delimiter = pick([',', ';', '\t', '|']);
  const end = pick(['\n', '\r\n']);
  const quotesProperly = next(2) === 0;
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const texts = ['A', 'Ümit', 'O’Neil', 'x y', '', 'N/A', '?', 'long '.repeat(20), 'a"b', '"', '"half', 'half"', `in${delimiter}side`, `two${end}lines`, '猫'];
  const cell = () => {
    const text = pick(texts);
    const needs = text.includes(delimiter) || text.includes('\n') || text.includes('"');
    if (quotesProperly) return needs || next(4) === 0 ? quoted(text) : text;
    return next(6) === 0 ? quoted(text) : text;
  };
  const columns = ['full_name', 'phone', 'city', 'OTHER', 'notes'].slice(0, 2 + next(4));
  let file = columns.join(delimiter) + end;
  const rows = 5 + next(120);
  for (let row = 0; row < rows; ++row) {
    const count = next(15) === 0 ? 1 + next(7) : columns.length;
    file += Array.from({ length: count }, cell).join(delimiter);
    if (row + 1 < rows || next(2) === 0) file += next(30) === 0 ? end + end : end;
  }
  return { file, columns, delimiter };
}
