// What a file on this device is found to be, before anything is sent.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { distributorColumns, distributorFile, fileOf, utf16 } from '../support/csv_files.mjs';
import { consoleModule } from '../support/console_module.mjs';

let csv;
let kind;
let encoding;
let mapping;
before(async () => {
  csv = await consoleModule('csv/file.ts');
  kind = await consoleModule('csv/kind.ts');
  encoding = await consoleModule('csv/encoding.ts');
  mapping = await consoleModule('pages/import/mapping.ts');
});

const latin1 = (text) => Buffer.from(text, 'latin1');
async function chunksOf(file, limits) {
  const opened = await csv.openCsv(file);
  const chunks = [];
  for await (const chunk of csv.chunksOf(opened, limits)) chunks.push({ ...chunk, text: await chunk.body.text() });
  return chunks;
}

describe('encodings', () => {
  const text = 'full_name,city\nÜmit,Þórshöfn\n';
  const cases = [
    ['UTF-8', Buffer.from(text), 'utf-8', 'valid'],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${text}`), 'utf-8', 'mark'],
    ['UTF-16 with a mark, little end first', utf16(text), 'utf-16le', 'mark'],
    ['UTF-16 with a mark, big end first', utf16(text, { bigEndian: true }), 'utf-16be', 'mark'],
    ['UTF-16 without a mark', utf16(`full_name,city\nA. N. Other,Here\n`.repeat(9) + text, { mark: false }), 'utf-16le', 'zero bytes'],
    ['Latin-1', latin1(text), 'windows-1252', 'not UTF-8'],
  ];
  for (const [name, bytes, expected, because] of cases) {
    test(`${name} is found, and its text is sent as UTF-8`, async () => {
      const opened = await csv.openCsv(fileOf([bytes]));
      assert.equal(opened.form.encoding, expected);
      assert.equal(opened.form.because, because);
      assert.deepEqual(opened.header.names, ['full_name', 'city']);
      assert.deepEqual(opened.preview.at(-1).cells, ['Ümit', 'Þórshöfn']);
      const [chunk] = await chunksOf(fileOf([bytes]), { lines: 100, bytes: 10_000 });
      assert.ok(chunk.text.endsWith(text.slice(text.indexOf('Ü'))));
    });
  }

  test('one broken byte in a UTF-8 file is that row’s fault, and goes to the server as it is', async () => {
    const file = fileOf([Buffer.from('full_name\nÜmit\nÖzil\nÇelik\nŞule\nİnci\nbad '), Buffer.from([0xff]), Buffer.from('\nGöksel\n')]);
    const opened = await csv.openCsv(file);
    assert.equal(opened.form.because, 'mostly valid');
    assert.equal(opened.form.brokenPlaces, 1);
    const [chunk] = await chunksOf(file, { lines: 100, bytes: 10_000 });
    assert.ok(new Uint8Array(await chunk.body.arrayBuffer()).includes(0xff));
  });

  test('sequences that are cut between two pieces are counted once', () => {
    const bytes = Buffer.from('aé€😀é'.repeat(50) + '\xff', 'utf8');
    for (let cut = 1; cut < 40; ++cut) {
      const count = new encoding.Utf8Count();
      for (let at = 0; at < bytes.length; at += cut) count.push(new Uint8Array(bytes.subarray(at, at + cut)));
      count.end();
      assert.deepEqual([count.wellFormed, count.broken], [201, 0], `pieces of ${cut}`);
    }
  });

  test('carriage returns alone end lines', async () => {
    const opened = await csv.openCsv(fileOf(['full_name;city\rA;Here\rB;There\r']));
    assert.equal(opened.records, 2);
    assert.deepEqual(opened.preview.map(({ cells }) => cells), [['A', 'Here'], ['B', 'There']]);
  });
});

describe('wrong kinds of files', () => {
  const wrong = [
    ['an Excel workbook', [Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 6, 0])], /Excel.*Save as.*CSV/],
    ['an old Excel file', [Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1])], /old Excel/],
    ['a PDF', ['%PDF-1.7\n%âãÏÓ'], /PDF/],
    ['a web page', ['<!DOCTYPE html><table>'], /web page/],
    ['JSON', ['[{"full_name":"A"}]'], /JSON/],
    ['bytes of a program', [Buffer.from(Array.from({ length: 500 }, (_, n) => (n * 7) % 32))], /no text/],
    ['nothing', [], /empty/],
  ];
  for (const [name, parts, expected] of wrong) {
    test(`${name} is said to be no CSV file`, async () => assert.match(await kind.wrongKind(fileOf(parts)), expected));
  }
  test('tables of every encoding may be tables', async () => {
    for (const parts of [['a;b\n1;2\n'], [utf16('a;b\n1;2\n')], [utf16('a;b\n1;2\n', { mark: false })], [latin1('näme;b\n1;2\n')]]) {
      assert.equal(await kind.wrongKind(fileOf(parts)), null);
    }
  });
  test('blank lines are no header', async () => assert.rejects(csv.openCsv(fileOf(['\n  \n'])), /no line with column names/));
  test('a header of nothing but delimiters has no names', async () => assert.rejects(csv.openCsv(fileOf([';;;\n1;2;3;4\n'])), /no column names/));
  test('a header alone is a table without rows', async () => assert.equal((await csv.openCsv(fileOf(['full_name,city']))).records, 0));
  test('a line that never ends is no table', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    await assert.rejects(csv.openCsv(fileOf(['a,b\n', ...Array(9).fill(megabyte)])), /longer than a record/);
  });
});

describe('chunks', () => {
  test('the distributor file is divided between records; each chunk has the header and knows its lines', async () => {
    const file = fileOf([distributorFile({ rows: 500, broken: [17, 203] })]);
    const opened = await csv.openCsv(file);
    assert.equal(opened.header.names.length, distributorColumns.length);
    assert.equal(opened.header.delimiter, ';'.charCodeAt(0));
    assert.equal(opened.records, 502);
    assert.equal(opened.lines, 503);
    const chunks = await chunksOf(file, { lines: 100, bytes: 1024 * 1024 });
    assert.equal(chunks.length, 6);
    let next = 2;
    for (const chunk of chunks) {
      assert.ok(chunk.text.startsWith(`${distributorColumns.join(';')}\r\n`));
      assert.equal(chunk.firstLine, next);
      assert.equal(chunk.text.split('\r\n').length - 2, chunk.lastLine - chunk.firstLine + 1);
      next = chunk.lastLine + 1;
    }
    assert.equal(next, 504);
  });

  test('a chunk ends at its bytes too, and the same file is always divided the same way', async () => {
    const file = fileOf([distributorFile({ rows: 3_000 })]);
    const limits = { lines: 100_000, bytes: 30_000 };
    const [once, again] = [await chunksOf(file, limits), await chunksOf(file, limits)];
    assert.ok(once.length > 10);
    assert.deepEqual(once.map(({ text }) => text), again.map(({ text }) => text));
    for (const { body } of once) assert.ok(body.size < 32_000);
  });

  test('quoted line breaks stay within one chunk, and lines count as the file’s own', async () => {
    const row = (n) => `"Name ${n}","first\nsecond\nthird"\n`;
    const file = fileOf(['\n"full_name","notes"\n', ...Array.from({ length: 50 }, (_, n) => `${n % 10 === 0 ? '\n' : ''}${row(n)}`)]);
    const chunks = await chunksOf(file, { lines: 7, bytes: 100_000 });
    let next = 2 + 1; // a blank line, the header
    for (const [at, chunk] of chunks.entries()) {
      for (const record of chunk.records) {
        if (Number(/Name (\d+)/.exec(csv.textOf(record))[1]) % 10 === 0) ++next;
        assert.equal(record.fileLine, next, `chunk ${at}`);
        next += 3;
      }
      const { chunkLine, fileLine } = chunk.records.at(-1);
      assert.equal(csv.recordAt(chunk, chunkLine + 1).fileLine, fileLine + 1, 'a line within a record');
    }
    assert.equal(chunks.flatMap(({ records }) => records).length, 50);
  });

  test('a list of rejected lines that was made here is read without its two first columns', async () => {
    const file = fileOf(['\ufeffrejected_line;rejected_because;full_name;city\r\n7;"city: ""no""; really";"A; B";Here\r\n9;;C;There\r\n']);
    const opened = await csv.openCsv(file);
    assert.deepEqual(csv.sentColumns(opened), ['full_name', 'city']);
    const [chunk] = await chunksOf(file, { lines: 10, bytes: 1_000 });
    assert.equal(chunk.text, 'full_name;city\r\n"A; B";Here\r\nC;There\r\n');
  });
});

describe('columns', () => {
  const entity = {
    name: 'distributors',
    title: 'Distributors',
    fields: ['distributor_code', 'distributor_name', 'mobile_no', 'branch', 'location', 'email'].map((name) => ({ name, title: name, type: 'string', required: name === 'distributor_name' })),
    aliases: { name: 'distributor_name', distributorCode: 'distributor_code', mobile: 'mobile_no' },
    rest: 'agreement_data',
    csv: { key: 'DRN', columns: { DRN: 'distributor_code', NAME: 'distributor_name', MOBILE_TELE: 'mobile_no', SALES_OFFICE: 'branch', CITY: 'location', EMAIL: 'email' } },
  };
  const targets = ({ columns }) => Object.fromEntries(columns.filter(({ target }) => target).map(({ name, target }) => [name, target]));

  test('the file of the older system has its own map, and everything else is kept', () => {
    const found = mapping.mappingOf(entity, distributorColumns);
    assert.deepEqual(targets(found), entity.csv.columns);
    assert.equal(found.columns.filter(({ how }) => how === 'kept').length, 45);
    assert.deepEqual(found.missing, []);
  });
  test('other files go by fields and other names, in any case', () => {
    const found = mapping.mappingOf(entity, ['ID', 'Name', 'MOBILE', 'Branch', 'version', 'Note']);
    assert.deepEqual(targets(found), { ID: 'id', Name: 'distributor_name', MOBILE: 'mobile_no', Branch: 'branch' });
    assert.deepEqual(found.columns.map(({ how }) => how), ['name', 'alias', 'alias', 'name', 'ignored', 'kept']);
  });
  test('what a person chooses goes first, and becomes the map of the request', () => {
    const found = mapping.mappingOf(entity, ['NAME', 'WHO'], new Map([['WHO', 'distributor_name']]));
    assert.deepEqual(targets(found), { WHO: 'distributor_name' });
    assert.equal(mapping.importQuery(found.overrides, true, true), '?quotes=proper&dry_run=true&map=WHO%3Adistributor_name');
  });
  test('no known column, and required fields that no column feeds, are noticed', () => {
    const found = mapping.mappingOf(entity, ['X', 'Y']);
    assert.equal(found.isKnown, false);
    assert.deepEqual(found.missing.map(({ name }) => name), ['distributor_name']);
    assert.deepEqual(mapping.mappingOf({ ...entity, rest: undefined }, ['X']).columns[0].how, 'refused');
  });
});
