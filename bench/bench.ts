/**
 * What the engine costs, over the API and the command line, in medians.
 *
 *     npm run bench                                          a daemon of its own
 *     npm run bench -- docker=unix:///var/run/docker.sock    and, in turn, another engine: ratios
 *
 * Engines take turns in every round, so that a change of the machine's load meets all of them. Every engine
 * needs an image `busybox`; our own daemon makes its own.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '#client/client.ts';
import { parseEndpoint } from '#client/endpoint.ts';
import { TestDaemon } from '../test/fixtures/test-daemon.ts';

interface Engine {
  readonly name: string;
  readonly client: Client;
  readonly address: string;
  /** Command line of this engine. */
  readonly program: string;
}

interface Item {
  readonly title: string;
  readonly unit: 'ms' | '/s';
  readonly rounds: number;
  readonly sample: (engine: Engine) => Promise<number>;
}

const home = fileURLToPath(new URL('..', import.meta.url));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function wholeRun({ client }: Engine, remove: boolean, networkMode: string): Promise<number> {
  let id = '';
  const run = await timed(async () => {
    ({ Id: id } = await client.containers.create({ Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: networkMode } } as never));
    const { result } = await client.containers.wait(id, { condition: 'next-exit' });
    await client.containers.start(id);
    await result;
  });
  const removal = await timed(async () => client.containers.remove(id, { force: true }));
  return remove ? run + removal : run;
}

const sleepers = new Map<string, string>();

const items: readonly Item[] = [
  { title: 'ping', unit: 'ms', rounds: 200, sample: ({ client }) => timed(() => client.system.ping()) },
  { title: 'create + start + wait, bridge', unit: 'ms', rounds: 25, sample: (engine) => wholeRun(engine, false, 'bridge') },
  { title: 'create + start + wait + remove, bridge', unit: 'ms', rounds: 25, sample: (engine) => wholeRun(engine, true, 'bridge') },
  { title: 'create + start + wait, no network', unit: 'ms', rounds: 25, sample: (engine) => wholeRun(engine, false, 'none') },
  {
    title: 'exec true',
    unit: 'ms',
    rounds: 25,
    sample: ({ name, client }) =>
      timed(async () => {
        const { Id } = await client.execs.create(sleepers.get(name) ?? '', { Cmd: ['true'], AttachStdout: true });
        const stream = await client.execs.startAttached(Id, { Tty: false });
        for await (const _ of stream) continue;
      }),
  },
  {
    title: '20 containers at once',
    unit: '/s',
    rounds: 3,
    sample: async ({ client }) => {
      const ids: string[] = [];
      const milliseconds = await timed(() =>
        Promise.all(
          Array.from({ length: 20 }, async () => {
            const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '60'] } as never);
            ids.push(Id);
            await client.containers.start(Id);
          }),
        ),
      );
      await Promise.all(ids.map((id) => client.containers.remove(id, { force: true })));
      return 20_000 / milliseconds;
    },
  },
  {
    title: 'run --rm busybox true, whole process',
    unit: 'ms',
    rounds: 15,
    sample: ({ program, address }) => timed(async () => spawnSync(program, ['run', '--rm', 'busybox', 'true'], { env: { ...process.env, DOCKER_HOST: address } })),
  },
];

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Proportional set size of a process in MiB. */
function memoryOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? NaN) / 1024;
}

async function main(): Promise<void> {
  await using daemon = await TestDaemon.start({ image: false });
  console.log(`idle memory of the daemon: ${memoryOf(daemon.pid).toFixed(1)} MiB PSS`);
  await daemon.importBusybox();
  const ours: Engine = { name: 'dhow', client: daemon.connect(), address: `unix://${daemon.socket}`, program: join(home, 'dhow') };
  const others = process.argv.slice(2).map((argument): Engine => {
    const [name = '', address = ''] = argument.split('=');
    return { name, client: new Client({ endpoint: parseEndpoint(address), apiVersion: '1.41' }), address, program: 'docker' };
  });
  const engines = [...others, ours];
  for (const engine of engines) {
    const { Id } = await engine.client.containers.create({ Image: 'busybox', Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } } as never);
    await engine.client.containers.start(Id);
    sleepers.set(engine.name, Id);
  }
  try {
    for (const item of items) {
      const samples = new Map(engines.map(({ name }) => [name, [] as number[]]));
      // The first round warms up and is not counted.
      for (let round = 0; round <= item.rounds; round++) {
        for (const engine of engines) {
          const value = await item.sample(engine);
          if (round > 0) samples.get(engine.name)?.push(value);
        }
      }
      const own = median(samples.get('dhow') ?? []);
      const compared = others.map(({ name }) => {
        const theirs = median(samples.get(name) ?? []);
        const ratio = item.unit === 'ms' ? theirs / own : own / theirs;
        return `${name} ${theirs.toFixed(2)} ${item.unit} (${ratio.toFixed(1)}×)`;
      });
      console.log([`${item.title}: ${own.toFixed(2)} ${item.unit}`, ...compared].join(', '));
    }
    const shims = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isShimOf(pid, daemon.root));
    console.log(`memory beside a running container: ${median(shims.map((pid) => memoryOf(Number(pid)))).toFixed(2)} MiB PSS`);
  } finally {
    for (const engine of engines) {
      const id = sleepers.get(engine.name);
      if (id !== undefined) await engine.client.containers.remove(id, { force: true });
      engine.client.close();
    }
  }
}

function isShimOf(pid: string, root: string): boolean {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.includes('dhow-shim') && commandLine.includes(root);
  } catch {
    return false;
  }
}

await main();
