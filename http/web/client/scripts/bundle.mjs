// Makes dist/client.js, the one module that pages load, and dist/modules, the same in pieces, which the tests take apart.
// Fails when the module is larger than its budget.
import { readFile, readdir } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const maxGzippedBytes = 20 * 1024;
const common = { format: 'esm', target: 'es2022', platform: 'browser', logLevel: 'warning' };

await build({
  ...common,
  entryPoints: ['src/index.ts'],
  outfile: 'dist/client.js',
  bundle: true,
  minify: true,
  legalComments: 'none',
});
const folders = ['src', 'src/generated'];
const files = await Promise.all(folders.map(async (folder) => (await readdir(folder)).map((name) => `${folder}/${name}`)));
const sources = files.flat().filter((file) => file.endsWith('.ts'));
await build({ ...common, entryPoints: sources, outdir: 'dist/modules', outbase: 'src' });

const bytes = gzipSync(await readFile('dist/client.js'), { level: 9 }).length;
if (bytes > maxGzippedBytes) throw new Error(`client.js has ${bytes} bytes gzipped; its budget is ${maxGzippedBytes}`);
