// Runs the bundled command line's hot commands once against a daemon that only answers, so that the code they need is
// compiled and kept, and a bundle that does not work is found out.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const commands = [['run', '--help'], ['run', '--rm', 'busybox', 'true'], ['exec', 'one', 'true'], ['ps'], ['version']];
const answers = [
  [/^POST .*\/containers\/create/, 201, { Id: '0123456789ab', Warnings: [] }],
  [/^POST .*\/wait/, 200, { StatusCode: 0 }],
  [/^POST .*\/containers\/one\/exec$/, 201, { Id: '0123456789ab' }],
  [/^GET .*\/exec\/.*\/json$/, 200, { ID: '0123456789ab', Running: false, ExitCode: 0 }],
  [/^GET .*\/containers\/json/, 200, []],
  [/^GET .*\/version$/, 200, { Components: [] }],
];

async function startDaemon(socketPath) {
  let attached;
  const server = createServer((request, response) => {
    request.resume();
    const [, status, answer] = answers.find(([pattern]) => pattern.test(`${request.method} ${request.url}`)) ?? [];
    if (answer !== undefined) response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(answer)}\n`);
    else response.writeHead(204).end();
    if (/\/start$/.test(request.url)) attached?.end(Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 10]));
  });
  server.on('upgrade', (request, socket) => {
    attached = socket;
    socket.write('HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    if (request.url.includes('/exec/')) socket.end(Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 10]));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return server;
}

/** @throws Error when one of them fails */
export async function tryCommands(program) {
  const place = mkdtempSync(join(tmpdir(), 'dhow-bundle-'));
  const server = await startDaemon(join(place, 'socket'));
  try {
    for (const words of commands) {
      const run = spawn(process.execPath, ['--', program, '--config', place, '-H', `unix://${join(place, 'socket')}`, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
      let printed = 0;
      run.stdout.on('data', (chunk) => (printed += chunk.length));
      const [code] = await once(run, 'close');
      if (code !== 0 || printed === 0) throw new Error(`the bundled command line failed its trial run of "${words.join(' ')}": exit code ${code}, ${printed} bytes of output`);
    }
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(place, { recursive: true });
  }
}
