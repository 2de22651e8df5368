// Makes dist/client.js, the one module that pages load, and dist/modules, the same in pieces, which the tests take apart.
// Fails when the module is larger than its budget.
import { readFile, readdir } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const maxGzippedBytes = 21 * 1024;
const common = { format: 'esm', target: 'es2022', platform: 'browser', logLevel: 'warning' };

// idb adds its shortcuts of a database and its iteration of cursors by a call each when it is loaded. Nobody here uses them, nor
// cursors at all, nor sets a property of what it gives: that is left out.
const changed = 'idb is made of other parts than it was: see scripts/bundle.mjs';
const leanIdb = {
  name: 'lean-idb',
  setup: (made) =>
    made.onLoad({ filter: /[\\/]idb[\\/]build[\\/]index\.js$/ }, async ({ path }) => {
      const parts = (await readFile(path, 'utf8')).split('\nreplaceTraps(');
      if (parts.length !== 3) throw new Error(changed);
      let contents = parts.join('\n/* @__PURE__ */ replaceTraps(');
      for (const unused of [/\n    if \(getCursorAdvanceMethods\(\)[^]*?\n    }\n/, /\n    set\(target, prop.*\) {[^]*?\n    },/, /\n    has\(target, prop.*\) {[^]*?\n    },/]) {
        const before = contents;
        contents = before.replace(unused, '\n');
        if (contents === before) throw new Error(changed);
      }
      return { contents, loader: 'js' };
    }),
};

// Members that the parts of the client have for each other get short names in the module. Only names that are nowhere in what
// pages see, what is stored, sent, or said to another tab, nor in what the browser gives.
const internal = [
  'absorb', 'adjust', 'applyList', 'cache', 'changed', 'claim', 'clearStored', 'core', 'database', 'drains', 'forget', 'goneSince', 'handlers', 'hurry',
  'hydrate', 'isAnswer', 'isCaughtUp', 'isFollowed', 'isOpen', 'isReplayed', 'isRunning', 'isShut', 'kick', 'lacks', 'leads', 'lowerToStored',
  'noteCursor', 'noteDiscarded', 'noteElsewhere', 'noteOutbox', 'noteOutcome', 'nowMs', 'ofLane', 'onAdmitted', 'onCaughtUp', 'onConnection',
  'onDiscard', 'onEvents', 'onLead', 'onLost', 'onMessage', 'onNews', 'onNextTry', 'onOpen', 'onOutcome', 'onReleased', 'onResync', 'onSettled',
  'onSkew', 'onState', 'onStored', 'onVoid', 'operations', 'outbox', 'promote', 'publish', 'ready', 'refresh', 'rehydrate', 'release', 'reload',
  'resources', 'retryAfterMs', 'sender', 'settle', 'settled', 'shares', 'shown', 'storageLost', 'swap', 'tabs', 'tell', 'timeoutMs', 'transport',
  'watchers', 'writeAgain',
];

const folders = ['src', 'src/generated'];
const files = await Promise.all(folders.map(async (folder) => (await readdir(folder)).map((name) => `${folder}/${name}`)));
const sources = files.flat().filter((file) => file.endsWith('.ts'));
const code = (await Promise.all(sources.map((file) => readFile(file, 'utf8')))).join('');
const forgotten = internal.filter((name) => !new RegExp(`\\b${name}\\b`).test(code));
if (forgotten.length > 0) throw new Error(`no member is called ${forgotten.join(', ')} any more: see scripts/bundle.mjs`);

await build({
  ...common,
  entryPoints: ['src/index.ts'],
  outfile: 'dist/client.js',
  bundle: true,
  minify: true,
  legalComments: 'none',
  mangleProps: new RegExp(`^(${internal.join('|')})$`),
  plugins: [leanIdb],
});
await build({ ...common, entryPoints: sources, outdir: 'dist/modules', outbase: 'src' });

const bytes = gzipSync(await readFile('dist/client.js'), { level: 9 }).length;
if (bytes > maxGzippedBytes) throw new Error(`client.js has ${bytes} bytes gzipped; its budget is ${maxGzippedBytes}`);
