/**
 * The registry server's throughput and memory beside another registry's, in one run:
 *
 *     build/node bench/registry.ts                               ours alone
 *     build/node bench/registry.ts other=COMMAND                 and another, started by COMMAND
 *
 * COMMAND is a program with its arguments, separated by spaces; it must serve plain HTTP on the address in the
 * environment variable REGISTRY_HTTP_ADDR, and have its storage under BENCH_STORAGE. BENCH_DIRECTORY says where both
 * store (default: the system's temporary directory), BENCH_ROUNDS how often, BENCH_STREAMS how many blobs are on their
 * way at once (default: five, as Docker has it).
 *
 * A round pushes twice as many blobs as there are streams, of 20 MiB each, and pulls them again. The
 * registries take turns within every round, so that the machine's load meets both. Processor time is the server's own.
 * Of the memory, the proportional share (PSS) counts what several programs map by its part, the private share is what
 * nobody else could use, and the peak is the largest resident size, files mapped from disk included.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverEnvironment, serverNodeOptions } from '../src/cli/registry/server-program.ts';

interface Registry {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
  readonly pushes: Sample[];
  readonly pulls: Sample[];
  /** After each round. */
  readonly memory: Memory[];
  readonly idle: Memory;
}

/** KiB. */
interface Memory {
  readonly total: number;
  readonly anonymous: number;
  readonly peak: number;
}

interface Sample {
  readonly wall: number;
  readonly processor: number;
}

const home = fileURLToPath(new URL('..', import.meta.url));
const atOnce = Number(process.env['BENCH_STREAMS'] ?? 5);
const blobCount = 2 * atOnce;
const blobSize = 20 * 1024 * 1024;
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const clockTick = 10;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function start(name: string, command: readonly string[], directory: string): Promise<Registry> {
  const port = await freePort();
  const storage = join(directory, name);
  mkdirSync(storage);
  const [program = '', ...args] = command.map((word) => word.replace('{port}', String(port)).replace('{storage}', storage));
  const environment = { ...process.env, REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`, BENCH_STORAGE: storage, OTEL_TRACES_EXPORTER: 'none', ...serverEnvironment };
  const child = spawn(program, args, { stdio: 'ignore', env: environment });
  for (let attempt = 0; ; attempt++) {
    if (child.exitCode !== null || attempt === 200) throw new Error(`${name} does not serve`);
    const isUp = await fetch(`http://127.0.0.1:${port}/v2/`).then((response) => response.ok, () => false);
    if (isUp) return { name, port, process: child, pushes: [], pulls: [], memory: [], idle: memoryOf(child) };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function processorTime({ process: { pid } }: Registry): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * clockTick;
}

function memoryOf({ pid }: ChildProcess): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8') + readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
  return { total: field('Pss'), anonymous: field('Pss_Anon'), peak: field('VmHWM') };
}

async function sample(registry: Registry, work: () => Promise<unknown>): Promise<Sample> {
  const [began, before] = [performance.now(), processorTime(registry)];
  await work();
  return { wall: performance.now() - began, processor: processorTime(registry) - before };
}

const agent = new Agent({ keepAlive: true, maxSockets: atOnce });

async function send(registry: Registry, method: string, path: string, body?: Buffer): Promise<{ status: number; location: string; size: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request({ agent, host: '127.0.0.1', port: registry.port, method, path, headers: body === undefined ? { 'Content-Length': 0 } : { 'Transfer-Encoding': 'chunked', 'Content-Type': 'application/octet-stream' } }, resolve);
  outgoing.once('error', reject);
  for (let at = 0; body !== undefined && at < body.length; at += 65_536) if (!outgoing.write(body.subarray(at, at + 65_536))) await once(outgoing, 'drain');
  outgoing.end();
  const response = await promise;
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) size += chunk.length;
  const location = new URL(response.headers.location ?? '/', 'http://registry');
  return { status: response.statusCode ?? 0, location: location.pathname + location.search, size };
}

interface Blob {
  readonly bytes: Buffer;
  readonly digest: string;
}

async function push(registry: Registry, { bytes, digest }: Blob): Promise<void> {
  const begun = await send(registry, 'POST', '/v2/bench/image/blobs/uploads/');
  const sent = await send(registry, 'PATCH', begun.location, bytes);
  const separator = sent.location.includes('?') ? '&' : '?';
  const done = await send(registry, 'PUT', `${sent.location}${separator}digest=${encodeURIComponent(digest)}`);
  if (done.status !== 201) throw new Error(`${registry.name} refuses a blob with ${done.status}`);
}

async function pull(registry: Registry, { bytes, digest }: Blob): Promise<void> {
  const { size } = await send(registry, 'GET', `/v2/bench/image/blobs/${digest}`);
  if (size !== bytes.length) throw new Error(`${registry.name} sends ${size} bytes of ${bytes.length}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const bundle = join(home, 'build/registry-server.cjs');
const ours = [process.execPath, ...serverNodeOptions, existsSync(bundle) ? bundle : join(home, 'bin/dhow-registry.mjs'), 'serve', '{"listen":"127.0.0.1:{port}","storage":"{storage}","accessLog":"off"}'];
const others = process.argv.slice(2).map((argument) => {
  const cut = argument.indexOf('=');
  return [argument.slice(0, cut), argument.slice(cut + 1).split(' ')] as const;
});
const directory = mkdtempSync(join(process.env['BENCH_DIRECTORY'] ?? tmpdir(), 'dhow-registry-bench-'));
const registries: Registry[] = [];
try {
  for (const [name, command] of [...others, ['dhow', ours] as const]) registries.push(await start(name, command, directory));
  for (let round = 0; round < rounds; round++) {
    const blobs = Array.from({ length: blobCount }, (): Blob => {
      const bytes = randomBytes(blobSize);
      return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
    });
    // Who goes first changes from round to round.
    for (const registry of round % 2 === 0 ? registries : registries.toReversed()) {
      registry.pushes.push(await sample(registry, async () => await Promise.all(blobs.map((blob) => push(registry, blob)))));
      registry.pulls.push(await sample(registry, async () => await Promise.all(blobs.map((blob) => pull(registry, blob)))));
      registry.memory.push(memoryOf(registry.process));
    }
  }
  const mebibytes = (blobCount * blobSize) / 1024 / 1024;
  const first = registries[0];
  for (const { name, pushes, pulls, memory, idle } of registries) {
    const figures = (samples: readonly Sample[], base: readonly Sample[]): string => {
      const wall = median(samples.map((entry) => entry.wall));
      return `${Math.round((mebibytes / wall) * 1000)} MiB/s (×${(median(base.map((entry) => entry.wall)) / wall).toFixed(2)}), processor ${median(samples.map((entry) => entry.processor))} ms`;
    };
    const inMebibytes = (values: readonly Memory[], field: keyof Memory): string => `${Math.round(median(values.map((entry) => entry[field])) / 1024)} MiB`;
    console.log(`${name.padEnd(10)} push ${figures(pushes, first?.pushes ?? pushes)}; pull ${figures(pulls, first?.pulls ?? pulls)}`);
    console.log(`${' '.repeat(10)} memory idle ${inMebibytes([idle], 'total')}, private ${inMebibytes([idle], 'anonymous')}; at work ${inMebibytes(memory, 'total')}, private ${inMebibytes(memory, 'anonymous')}; peak ${inMebibytes(memory, 'peak')}`);
  }
} finally {
  agent.destroy();
  for (const registry of registries) {
    const exit = once(registry.process, 'exit');
    registry.process.kill('SIGTERM');
    await exit;
  }
  rmSync(directory, { recursive: true });
}
