// A module of the console that needs no browser, made ready for Node.js.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../http/web/console/', import.meta.url));
const { build } = createRequire(`${folder}package.json`)('esbuild');

// `source` is below http/web/console/src.
export async function consoleModule(source) {
  globalThis.document ??= { baseURI: 'http://console.test/' };
  globalThis.location ??= { hash: '' };
  globalThis.addEventListener ??= () => {};
  const { outputFiles } = await build({
    entryPoints: [`${folder}src/${source}`],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    write: false,
    logLevel: 'silent',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
