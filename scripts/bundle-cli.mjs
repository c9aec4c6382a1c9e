// Bundles the command line: build/cli.cjs starts build/cli-main.cjs with the compiled code of the hot commands
// kept in build/cli-cache. One CommonJS file, since loading modules one by one, Node's ESM loader and compiling
// cost more than most commands take. Usage: bundle-cli.mjs [DIRECTORY]
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
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

mkdirSync(directory, { recursive: true });
const main = join(directory, 'cli-main.cjs');
await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outfile: `${main}.new`,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  define: { BUNDLED_COMMIT: JSON.stringify(commit()) },
});
// Whoever starts the command line meanwhile gets the old one or the new one, whole.
renameSync(`${main}.new`, main);
rmSync(join(directory, 'cli-cache'), { recursive: true, force: true });
writeFileSync(join(directory, 'cli.cjs.new'), "require('node:module').enableCompileCache(__dirname+'/cli-cache');require('./cli-main.cjs');\n");
renameSync(join(directory, 'cli.cjs.new'), join(directory, 'cli.cjs'));
await fillCache();
