// Writes a C++ source with what browsers load: each file plain, gzip and brotli, made once here.
//
//   node embed.mjs OUTPUT.cpp [--module NAME=FILE]… [--site FOLDER]…      without files: a source with none
//
// A module is served under its name, revalidated, and under a name with its hash, kept for ever. A site's files are served
// under their place in the folder: index.html as /, other pages without their ending; what lies in assets/ has its hash in
// its name already and is kept for ever.
import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const usage = 'usage: embed.mjs OUTPUT.cpp [--module NAME=FILE]… [--site FOLDER]…';
const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};
const charactersPerLine = 120;
const hashDigits = 16;

// Every file below a folder, as paths from it. Hidden ones are the build's own notes.
async function filesBelow(folder, within = '') {
  const found = [];
  for (const entry of (await readdir(path.join(folder, within), { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const name = path.posix.join(within, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(folder, name)));
    else found.push(name);
  }
  return found;
}

function placeOf(name) {
  if (name === 'index.html') return '/';
  return `/${name.endsWith('.html') ? name.slice(0, -'.html'.length) : name}`;
}

// String literals compile in a tenth of the time that a list of numbers takes. Three octal digits end where they end.
function literal(bytes) {
  const lines = [];
  let line = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
    line += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
    if (line.length >= charactersPerLine) {
      lines.push(`"${line}"`);
      line = '';
    }
  }
  return [...lines, `"${line}"`].join('\n');
}

const arrays = [];
const rows = [];

// `places`: where the bytes are served, with their caching.
function add(name, bytes, placesOf) {
  const type = types[path.extname(name)];
  if (!type) throw new Error(`${name}: no content type is known for its ending`);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, hashDigits);
  const number = rows.length;
  const forms = {
    plain: bytes,
    gzip: gzipSync(bytes, { level: 9 }),
    brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
  };
  const views = [];
  for (const [form, content] of Object.entries(forms)) {
    arrays.push(`constexpr char ${form}_${number}[] =\n${literal(content)};`);
    views.push(`{${form}_${number}, sizeof ${form}_${number} - 1}`);
  }
  for (const [place, caching] of placesOf(hash)) {
    rows.push(`      {"${place}", "${type}", "${hash}", asset_caching::${caching},\n       ${views.join(', ')}},`);
  }
}

async function addModule(given) {
  const [name, file] = given.split('=');
  const { name: stem, ext } = path.parse(name);
  add(name, await readFile(file), (hash) => [
    [`/${name}`, 'revalidated'],
    [`/assets/${stem}.${hash}${ext}`, 'immutable'],
  ]);
}

async function addSite(folder) {
  for (const name of await filesBelow(folder)) {
    const caching = name.startsWith('assets/') ? 'immutable' : 'revalidated';
    add(name, await readFile(path.join(folder, name)), () => [[placeOf(name), caching]]);
  }
}

const [output, ...given] = process.argv.slice(2);
if (!output || given.length % 2 !== 0) throw new Error(usage);
for (let at = 0; at < given.length; at += 2) {
  if (given[at] === '--module') await addModule(given[at + 1]);
  else if (given[at] === '--site') await addSite(given[at + 1]);
  else throw new Error(usage);
}

const list =
  rows.length === 0
    ? '  return {};'
    : `  static const std::array<asset, ${rows.length}> assets{{\n${rows.join('\n')}\n  }};\n  return assets;`;
await writeFile(
  output,
  `// Made by http/web/embed.mjs: not to be edited.
#include "http/assets.hpp"
#include <array>

namespace synclog::http {
namespace {
${arrays.join('\n')}
} // namespace

std::span<const asset> embedded_assets() {
${list}
}

} // namespace synclog::http
`,
);
