// Makes dist/client.js, the one module that pages load, and dist/modules, the same in pieces, which the tests take apart.
// Fails when the module is larger than its budget.
import { readFile, readdir } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const maxGzippedBytes = 20 * 1024;
const common = { format: 'esm', target: 'es2022', platform: 'browser', logLevel: 'warning' };

// idb adds its shortcuts of a database and its iteration of cursors by a call each when it is loaded. Nobody here uses them:
// as calls without an effect they are left out, with all that is only theirs.
const leanIdb = {
  name: 'lean-idb',
  setup: (made) =>
    made.onLoad({ filter: /[\\/]idb[\\/]build[\\/]index\.js$/ }, async ({ path }) => {
      const parts = (await readFile(path, 'utf8')).split('\nreplaceTraps(');
      if (parts.length !== 3) throw new Error('idb is made of other parts than it was: see scripts/bundle.mjs');
      return { contents: parts.join('\n/* @__PURE__ */ replaceTraps('), loader: 'js' };
    }),
};

// Members that the parts of the client have for each other get short names in the module. Only names that are nowhere in what
// pages see, what is stored, sent, or said to another tab, nor in what the browser gives.
const internal = [
  'absorb', 'applyList', 'claim', 'clearStored', 'database', 'drains', 'goneSince', 'handlers', 'hurry', 'hydrate', 'isOpen', 'isShut', 'kick',
  'lowerToStored', 'noteCursor', 'noteElsewhere', 'noteOutbox', 'noteOutcome', 'ofLane', 'onCaughtUp', 'onConnection',
  'onEvents', 'onLead', 'onLost', 'onMessage', 'onNextTry', 'onOpen', 'onOutcome', 'onReleased', 'onResync', 'onSettled', 'onStored',
  'onSkew', 'onState', 'onVoid', 'outbox', 'promote', 'publish', 'rehydrate', 'sender', 'settle', 'shares', 'storageLost',
  'transport', 'writeAgain',
  'adjust', 'core', 'forget', 'isCaughtUp', 'isFollowed', 'isRunning', 'leads', 'nowMs', 'onAdmitted', 'onNews', 'ready', 'refresh', 'release',
  'reload', 'resources', 'retryAfterMs', 'settled', 'shown', 'tabs', 'timeoutMs',
];

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
const folders = ['src', 'src/generated'];
const files = await Promise.all(folders.map(async (folder) => (await readdir(folder)).map((name) => `${folder}/${name}`)));
const sources = files.flat().filter((file) => file.endsWith('.ts'));
await build({ ...common, entryPoints: sources, outdir: 'dist/modules', outbase: 'src' });

const bytes = gzipSync(await readFile('dist/client.js'), { level: 9 }).length;
if (bytes > maxGzippedBytes) throw new Error(`client.js has ${bytes} bytes gzipped; its budget is ${maxGzippedBytes}`);
