// Bundles the command line: build/cli.cjs starts build/cli-main.cjs, which holds the program and its hot commands
// and loads all others from build/cli-more.cjs; compiled code is kept in build/cli-cache. As CommonJS in few files,
// since loading modules one by one, Node's ESM loader and compiling cost more than most commands take.
// Also bundles the registry server, as build/registry-server.cjs: one file that needs nothing but Node.
// Usage: bundle-cli.mjs [DIRECTORY]
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const directory = resolve(process.argv[2] ?? join(root, 'build'));

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short=7', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    // An archive of the sources has no history.
    return 'unknown';
  }
}

// Answers what `run` asks, so that a trial run compiles, and thereby caches, all that a real one needs.
async function trialDaemon(socketPath) {
  let attached;
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url ?? '';
    if (path.endsWith('/containers/create')) response.writeHead(201, { 'Content-Type': 'application/json' }).end('{"Id":"0123456789ab","Warnings":[]}\n');
    else if (path.includes('/wait')) response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"StatusCode":0}\n');
    else {
      response.writeHead(204).end();
      attached?.end(Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 10]));
    }
  });
  server.on('upgrade', (_request, socket) => {
    attached = socket;
    socket.write('HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return server;
}

async function fillCache() {
  const place = mkdtempSync(join(tmpdir(), 'dhow-bundle-'));
  const server = await trialDaemon(join(place, 'socket'));
  try {
    const run = spawn(process.execPath, ['--', join(directory, 'cli.cjs'), '-H', `unix://${join(place, 'socket')}`, 'run', '--rm', 'busybox', 'true'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = await once(run, 'exit');
    if (code !== 0) throw new Error(`the bundled command line failed its trial run with exit code ${code}`);
    // Node writes it for its owner alone; it holds nothing but compiled code.
    for (const file of globSync(join(directory, 'cli-cache/*/*'))) chmodSync(file, 0o644);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(place, { recursive: true });
  }
}

// Commands that are typed all day or run in loops of scripts.
const hot = new Set(['run', 'exec', 'create', 'start', 'stop', 'kill', 'rm', 'wait', 'logs', 'attach'].map((name) => `src/cli/commands/${name}.ts`));
const registry = "globalThis[Symbol.for('dhow.modules')]";

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  define: { BUNDLED_COMMIT: JSON.stringify(commit()) },
};

/** Every name with a function that loads its module at the first call. */
const table = (files) => `{${[...files].map((file) => `${JSON.stringify(file)}: () => require(${JSON.stringify(`./${file}`)})`).join(',\n')}}`;

/** Modules that only commands beyond the hot ones need are left to the other bundle. */
function leaveOut(found, contents) {
  return {
    name: 'leave-out',
    setup(bundler) {
      bundler.onResolve({ filter: /\.ts$/ }, async ({ path, kind, resolveDir, importer, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === 'resolving') return undefined;
        const resolved = await bundler.resolve(path, { kind, resolveDir, importer, pluginData: 'resolving' });
        const file = relative(root, resolved.path);
        if (hot.has(file) || !file.startsWith('src/cli/commands/')) return undefined;
        found.add(file);
        return { path: file, namespace: 'left-out' };
      });
      bundler.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({ contents: contents(path), resolveDir: directory }));
    },
  };
}

/** Modules that the main bundle has are taken from there: a class must be one and the same in both. */
function takeFromMain(inMain) {
  return {
    name: 'take-from-main',
    setup(bundler) {
      bundler.onResolve({ filter: /\.ts$/ }, async ({ path, kind, resolveDir, importer, pluginData }) => {
        if (pluginData === 'resolving') return undefined;
        const resolved = await bundler.resolve(path, { kind, resolveDir, importer, pluginData: 'resolving' });
        const file = relative(root, resolved.path);
        return inMain.has(file) ? { path: file, namespace: 'in-main' } : undefined;
      });
      bundler.onLoad({ filter: /.*/, namespace: 'in-main' }, ({ path }) => ({ contents: `module.exports = ${registry}[${JSON.stringify(path)}]()` }));
    },
  };
}

// Whoever starts the command line meanwhile gets the old bundle or the new one, whole.
async function bundle(name, contents, plugin) {
  const outfile = join(directory, name);
  await build({ ...common, stdin: { contents, resolveDir: root, loader: 'js' }, outfile: `${outfile}.new`, external: ['./cli-more.cjs'], plugins: [plugin] });
  renameSync(`${outfile}.new`, outfile);
}

mkdirSync(directory, { recursive: true });
const rest = new Set();
const { metafile } = await build({ ...common, entryPoints: ['src/cli/main.ts'], write: false, metafile: true, outfile: 'unused.cjs', plugins: [leaveOut(rest, () => '')] });
const inMain = new Set(Object.keys(metafile.inputs).filter((file) => file.startsWith('src/')));
await bundle('cli-more.cjs', `module.exports = ${table(rest)};`, takeFromMain(inMain));
await bundle(
  'cli-main.cjs',
  `${registry} = ${table(inMain)};\nrequire('./src/cli/main.ts');`,
  leaveOut(new Set(), (path) => `module.exports = require('./cli-more.cjs')[${JSON.stringify(path)}]()`),
);
await build({ ...common, define: { 'import.meta.url': 'undefined' }, entryPoints: ['src/registry-server/main.ts'], outfile: join(directory, 'registry-server.cjs.new') });
renameSync(join(directory, 'registry-server.cjs.new'), join(directory, 'registry-server.cjs'));
rmSync(join(directory, 'cli-cache'), { recursive: true, force: true });
writeFileSync(join(directory, 'cli.cjs.new'), "require('node:module').enableCompileCache(__dirname+'/cli-cache');require('./cli-main.cjs');\n");
renameSync(join(directory, 'cli.cjs.new'), join(directory, 'cli.cjs'));
await fillCache();
