/** One client among several: makes containers and does things with them until its daemon is killed. */
import assert from 'node:assert/strict';
import type { Client } from '#client/client.ts';
import { ApiError } from '#client/client-error.ts';
import { commandOf, ExpectedContainer } from './expected-container.ts';
import type { Random } from './random.ts';

export interface StormWorld {
  readonly client: Client;
  readonly random: Random;
  readonly containers: ExpectedContainer[];
  /** Containers that no worker has in hand. */
  readonly idle: ExpectedContainer[];
  readonly namedVolumes: Map<string, 'maybe' | 'yes' | 'gone'>;
  /** The first of the ports that are used again and again. */
  readonly firstPort: number;
  readonly nextLabel: () => string;
  /** A network with few addresses. */
  readonly network: string;
  readonly isOver: () => boolean;
}

/** Ends when the daemon does. @throws what the daemon should not have answered */
export async function work(world: StormWorld): Promise<void> {
  while (!world.isOver()) {
    try {
      const old = world.idle.shift();
      if (old !== undefined) await finish(world, old);
      else await live(world);
    } catch (error) {
      // What no connection was left for is not known; an answer that refuses is a fault.
      if (!(error instanceof ApiError) && world.isOver()) return;
      throw error;
    }
  }
}

async function live(world: StormWorld): Promise<void> {
  const { client, random } = world;
  const label = world.nextLabel();
  const chance = (percent: number): boolean => random(100) < percent;
  const workload = { lines: chance(60) ? 5 + random(150) : undefined, exitCode: 3 + random(20) };
  const restarts = chance(15);
  const container = new ExpectedContainer({ label, name: `c${label}`, workload, autoRemove: !restarts && chance(15), restarts });
  const published = chance(30);
  // The lowest that no container has: one that was not given back is asked for soon.
  if (published) for (container.port = world.firstPort; world.containers.some((other) => other.existence !== 'gone' && other.port === container.port); container.port++);
  world.containers.push(container);
  const network = published ? 'bridge' : ['bridge', world.network, world.network, 'none'][random(4)] ?? 'none';
  const { Id } = await client.containers.create({
    Image: 'busybox',
    Cmd: commandOf(workload),
    Labels: { storm: label },
    ...(published && { ExposedPorts: { '80/tcp': {} } }),
    ...(chance(30) && { Volumes: { '/anonymous': {} } }),
    HostConfig: {
      NetworkMode: network,
      AutoRemove: container.autoRemove,
      RestartPolicy: { Name: restarts ? 'always' : 'no', MaximumRetryCount: 0 },
      ...(chance(20) && { IpcMode: 'shareable' }),
      ...(chance(20) && { Memory: 64 << 20 }),
      ...(published && { PortBindings: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: String(container.port) }] } }),
    },
  } as never, { name: `c${label}` });
  container.id = Id;
  container.existence = 'yes';
  if (chance(15)) await rename(client, container, `d${label}`);
  if (chance(90)) await start(client, container);
  if (network === 'bridge' && chance(30)) await client.networks.connect(world.network, { Container: Id, EndpointConfig: null }).catch(forgive(container, 404, 403));
  if (chance(50)) await execute(client, container).catch(forgive(container, 404, 409));
  if (chance(20)) {
    await client.containers.pause(Id).catch(forgive(container, 404, 409));
    if (chance(80)) await client.containers.unpause(Id).catch(forgive(container, 404, 409, 500));
  }
  if (chance(20)) await client.containers.update(Id, { Memory: 96 << 20, MemorySwap: 192 << 20 }).catch(forgive(container, 404, 409, 500));
  if (chance(20)) await useVolume(world, label);
  if (network === 'bridge' && chance(20)) await client.networks.disconnect('bridge', { Container: Id, Force: false }).catch(forgive(container, 403, 404, 500));
  if (chance(60)) await finish(world, container);
  else world.idle.push(container);
}

/** Stops it in one way or another, maybe starts it again, and removes it or leaves it lying. */
async function finish(world: StormWorld, container: ExpectedContainer): Promise<void> {
  const { client, random } = world;
  const chance = (percent: number): boolean => random(100) < percent;
  const { id } = container;
  if (container.existence === 'gone') return;
  if (chance(30)) {
    container.signalled = true;
    await client.containers.stop(id, { timeout: chance(50) ? 0 : 5 }).catch(forgive(container, 404));
  } else if (chance(30)) {
    container.signalled = true;
    await client.containers.kill(id).catch(forgive(container, 404, 409));
  } else if (chance(30) && container.starts.least > 0) {
    container.signalled = true;
    container.starts.most += 1;
    await client.containers.restart(id, { timeout: 0 }).then(() => (container.starts.least += 1), forgiveRestart(container));
  } else if (chance(50) && container.workload.lines !== undefined && container.starts.least > 0 && !container.restarts && !container.signalled && !container.autoRemove) {
    const { result } = await client.containers.wait(id);
    // A paused one would not end.
    if ((await client.containers.inspect(id)).State.Status !== 'paused') assert.equal((await result).StatusCode, container.workload.exitCode, `container ${container.label} was waited for`);
  }
  if (chance(10)) await start(client, container).catch(forgive(container, 404, 409));
  container.signalled = true;
  if (container.existence === 'yes') container.existence = 'maybe gone';
  await client.containers.remove(id, { force: true, volumes: true }).catch(forgive(container, 404, 409));
  container.existence = 'gone';
}

async function start(client: Client, container: ExpectedContainer): Promise<void> {
  container.starts.most += 1;
  await client.containers.start(container.id);
  container.starts.least += 1;
}

async function rename(client: Client, container: ExpectedContainer, name: string): Promise<void> {
  container.names.push(name);
  await client.containers.rename(container.id, name);
  container.names = [name];
}

async function execute(client: Client, container: ExpectedContainer): Promise<void> {
  const { Id } = await client.execs.create(container.id, { Cmd: ['sh', '-c', 'echo one; usleep 3000; echo two; exit 5'], AttachStdout: true });
  const stream = await client.execs.startAttached(Id, { Tty: false });
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } finally {
    stream.close();
  }
  const { ExitCode, Running } = await client.execs.inspect(Id);
  // Its container may have ended under it.
  if (Running || ExitCode !== 5) return;
  assert.equal(Buffer.concat(chunks).toString().replaceAll(/[^a-z]/g, ''), 'onetwo', `all output of an exec in ${container.label}`);
}

async function useVolume(world: StormWorld, label: string): Promise<void> {
  const name = `volume-${label}`;
  world.namedVolumes.set(name, 'maybe');
  await world.client.volumes.create({ Name: name });
  world.namedVolumes.set(name, 'yes');
  if (world.random(2) === 0) return;
  world.namedVolumes.set(name, 'maybe');
  await world.client.volumes.remove(name);
  world.namedVolumes.set(name, 'gone');
}

/** One that goes with its end may have gone before it could be started anew, which is told as by Docker. */
function forgiveRestart(container: ExpectedContainer): (error: unknown) => void {
  return (error) => {
    if (container.autoRemove && error instanceof ApiError && error.status === 500 && /No such container/.test(error.message)) return;
    forgive(container, 404)(error);
  };
}

/** Answers that a container gets which has ended, or is gone, by itself. */
function forgive(container: ExpectedContainer, ...statuses: number[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof ApiError) || !statuses.includes(error.status)) throw error;
    if (error.status === 404 && !container.autoRemove && /No such container/.test(error.message) && container.existence === 'yes') throw error;
  };
}
