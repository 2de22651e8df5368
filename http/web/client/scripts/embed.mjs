// Writes a C++ source with the built files as bytes: plain, gzip and brotli, each made once here.
//
//   node scripts/embed.mjs OUTPUT.cpp [NAME=FILE…]      without files: a source with none
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [output, ...files] = process.argv.slice(2);
if (!output) throw new Error('usage: embed.mjs OUTPUT.cpp [NAME=FILE…]');

const types = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.html': 'text/html; charset=utf-8' };
const bytesPerLine = 32;
const hashDigits = 16;

function array(name, bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += bytesPerLine) lines.push([...bytes.subarray(at, at + bytesPerLine)].join(','));
  return `constexpr unsigned char ${name}[] = {\n${lines.join(',\n')}};`;
}

const view = (name) => `{reinterpret_cast<const char*>(${name}), sizeof ${name}}`;
const arrays = [];
const rows = [];
for (const [index, given] of files.entries()) {
  const [name, file] = given.split('=');
  const bytes = await readFile(file);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, hashDigits);
  const { name: stem, ext } = path.parse(name);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } });
  arrays.push(array(`plain_${index}`, bytes), array(`gzip_${index}`, gzipSync(bytes, { level: 9 })), array(`brotli_${index}`, brotli));
  const bodies = ['plain', 'gzip', 'brotli'].map((kind) => view(`${kind}_${index}`));
  rows.push(`      {"${name}", "${stem}.${hash}${ext}", "${types[ext]}", "${hash}",\n       ${bodies.join(', ')}},`);
}
const list = rows.length === 0
  ? '  return {};'
  : `  static const std::array<asset, ${rows.length}> assets{{\n${rows.join('\n')}\n  }};\n  return assets;`;
await writeFile(output, `// Made by scripts/embed.mjs: not to be edited.
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
`);
