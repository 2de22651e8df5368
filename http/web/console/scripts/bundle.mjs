// Makes dist/: index.html with relative URLs, and assets/NAME-HASH.js|css, which never change under their name.
// Fails when what a first visit loads is larger than its budget.
//
// A further page of its own (docs.html) is an entry in `documents`; a further script of its own (sw.js) one in `scripts`.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const budget = { script: 60 * 1024, style: 12 * 1024 }; // gzipped, first load
// What a first visit needs beside what index.html names: the page that most people open.
const firstPages = ['src/pages/tables/index.tsx'];
const documents = [
  { html: 'index.html', script: 'src/main.tsx', style: 'src/styles/console.css' },
  { html: 'docs.html', script: 'src/docs/main.tsx', style: 'src/styles/docs.css' },
].filter(({ html }) => existsSync(`src/${html}`));
const scripts = [{ name: 'sw.js', source: 'src/sw.ts' }].filter(({ source }) => existsSync(source));
const copied = ['icon.svg', 'manifest.webmanifest'];
const kept = new Set(['.lock', '.built-from']);

const common = { bundle: true, minify: true, target: 'es2022', platform: 'browser', legalComments: 'none', logLevel: 'warning' };

for (const name of existsSync('dist') ? await readdir('dist') : []) {
  if (!kept.has(name)) await rm(path.join('dist', name), { recursive: true });
}
await mkdir('dist', { recursive: true });

const { metafile } = await build({
  ...common,
  entryPoints: [...new Set(documents.flatMap(({ script, style }) => [script, style]))],
  outdir: 'dist/assets',
  format: 'esm',
  splitting: true,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  // The client library's source stands outside of this folder: what it imports is its own.
  metafile: true,
});

const outputs = Object.entries(metafile.outputs);
const outputOf = (source) => {
  const found = outputs.find(([, { entryPoint }]) => entryPoint === source);
  if (!found) throw new Error(`nothing was made of ${source}`);
  return found[0];
};
// An output and all that it imports before it runs.
function withImports(output, found = new Set()) {
  if (found.has(output)) return found;
  found.add(output);
  for (const { path: imported, kind } of metafile.outputs[output].imports) {
    if (kind === 'import-statement') withImports(imported, found);
  }
  return found;
}
const inDist = (output) => path.relative('dist', output);

for (const { html, script, style } of documents) {
  const [entry, ...preloaded] = [...withImports(outputOf(script))].map(inDist);
  const marks = {
    script: entry,
    style: inDist(outputOf(style)),
    preload: preloaded.map((file) => `<link rel="modulepreload" href="${file}">`).join('\n'),
  };
  const template = await readFile(`src/${html}`, 'utf8');
  await writeFile(`dist/${html}`, template.replace(/\{\{(\w+)\}\}/g, (_, name) => marks[name]));
}
for (const name of copied) await writeFile(`dist/${name}`, await readFile(`src/${name}`));
// It must know every file by name, and each build from the one before, so it is made last.
const assets = outputs.map(([output]) => inDist(output)).filter((file) => !file.endsWith('.map'));
const files = [...documents.map(({ html }) => html), ...copied, ...assets].sort();
for (const { name, source } of scripts) {
  const all = createHash('sha256').update(await readFile(source));
  for (const file of files) all.update(file).update(await readFile(`dist/${file}`));
  const define = { SYNCLOG_FILES: JSON.stringify(files), SYNCLOG_BUILD: JSON.stringify(all.digest('hex').slice(0, 16)) };
  await build({ ...common, entryPoints: [source], outfile: `dist/${name}`, format: 'iife', define });
}

const gzipped = async (file) => gzipSync(await readFile(file), { level: 9 }).length;
const sum = async (files) => (await Promise.all([...files].map(gzipped))).reduce((total, bytes) => total + bytes, 0);
const first = new Set(['src/main.tsx', ...firstPages].flatMap((source) => [...withImports(outputOf(source))]));
const size = { script: await sum(first), style: await sum([outputOf('src/styles/console.css')]) };
for (const kind of Object.keys(budget)) {
  const said = `first load: ${size[kind]} bytes of ${kind}, gzipped, of ${budget[kind]}`;
  if (size[kind] > budget[kind]) throw new Error(`${said}: over the budget`);
  if (process.env.SYNCLOG_BUILD_VERBOSE) console.log(said);
}
