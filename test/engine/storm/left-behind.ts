/** Compares what a daemon has on the machine with what its containers need: everything else has leaked. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroupMounts } from '#kernel/cgroups/hierarchies.ts';
import { readMounts } from '#kernel/mounts.ts';
import { runProgram } from '#kernel/run-program.ts';
import type { ContainerInspect } from '#schema/container-config.ts';
import type { TestDaemon } from '../../fixtures/test-daemon.ts';

/** Every difference as a line of text; none: the machine is as it should be. */
export async function leftBehind(daemon: TestDaemon): Promise<string[]> {
  const { client, root, dataRoot, executionRoot } = daemon;
  const listed = await client.containers.list({ all: true });
  const containers = (await Promise.all(listed.map(async ({ Id }) => client.containers.inspect(Id).catch(() => undefined)))).filter((found) => found !== undefined);
  const running = containers.filter(({ State }) => State.Status === 'running' || State.Status === 'paused');
  const ids = containers.map(({ Id }) => Id);
  const runningIds = running.map(({ Id }) => Id);
  const differences: string[] = [];
  const compare = (what: string, found: readonly string[], wanted: readonly string[]): void => {
    for (const name of found) if (!wanted.includes(name)) differences.push(`${what} ${name} belongs to nobody`);
    for (const name of wanted) if (!found.includes(name)) differences.push(`${what} ${name} is missing`);
    for (const name of new Set(found)) if (found.filter((other) => other === name).length > 1) differences.push(`${what} ${name} is there twice`);
  };

  const mounts = readMounts().map(({ mountPoint }) => mountPoint).filter((mountPoint) => mountPoint.startsWith(`${root}/`));
  compare('overlay mount', mounts.filter((path) => path.endsWith('/merged')), running.map(mergedOf));
  compare('mounted namespace', mounts.filter((path) => path.startsWith(`${executionRoot}/netns/`)), [join(executionRoot, 'netns/default'), ...running.filter(ownsNetwork).map(({ NetworkSettings }) => join(executionRoot, 'netns', NetworkSettings.SandboxID.slice(0, 12)))]);
  compare('other mount', mounts.filter((path) => !path.endsWith('/merged') && !path.startsWith(`${executionRoot}/netns/`)), running.filter(({ HostConfig }) => HostConfig.IpcMode === 'shareable').map(({ Id }) => join(dataRoot, 'containers', Id, 'mounts/shm')));
  compare('namespace file', readdirSync(join(executionRoot, 'netns')), ['default', ...running.filter(ownsNetwork).map(({ NetworkSettings }) => NetworkSettings.SandboxID.slice(0, 12))]);
  compare('link to a namespace', linksTo(executionRoot), running.filter(({ NetworkSettings }) => NetworkSettings.SandboxKey.startsWith('/var/run/docker/netns/')).map(({ NetworkSettings }) => NetworkSettings.SandboxKey).filter((link) => !link.endsWith('/default')));

  const { hierarchies, unified } = findCgroupMounts();
  for (const { mountPoint } of hierarchies) compare(`cgroup of ${mountPoint}`, directoriesIn(join(mountPoint, daemon.bridge)), runningIds);
  if (hierarchies.length === 0 && unified !== undefined) compare('cgroup', directoriesIn(join(unified, daemon.bridge)), runningIds);

  compare('shim', shimsOf(root), runningIds);
  compare('run directory', readdirSync(join(executionRoot, 'runs')), runningIds.map((id) => id.slice(0, 32)));
  compare('bundle', readdirSync(join(executionRoot, 'bundles')), runningIds);
  compare('runtime state', readdirSync(join(executionRoot, 'runtime')).filter((name) => !name.startsWith('.')), runningIds);
  compare('container directory', readdirSync(join(dataRoot, 'containers')), ids);
  for (const id of ids) compare('exit file of an exec', readdirSync(join(dataRoot, 'containers', id)).filter((name) => name.startsWith('exit-')), []);
  compare('snapshot record', readdirSync(join(dataRoot, 'image/overlay2/layerdb/mounts')), ids);
  const layers = directoriesIn(join(dataRoot, 'overlay2')).filter((name) => name !== 'l' && !name.startsWith('.'));
  compare('snapshot', layers.filter((name) => !existsSync(join(dataRoot, 'overlay2', name, 'committed'))), containers.map((container) => mergedOf(container).split('/').at(-2) ?? ''));
  compare('removed layer', existsSync(join(dataRoot, 'overlay2/.removing')) ? readdirSync(join(dataRoot, 'overlay2/.removing')) : [], []);
  const links = readdirSync(join(dataRoot, 'overlay2/l')).length;
  if (links !== layers.length) differences.push(`${links} links to ${layers.length} layers`);

  const volumes = (await client.volumes.list()).Volumes ?? [];
  const used = containers.flatMap(({ Mounts }) => Mounts.flatMap(({ Name }) => (Name === undefined ? [] : [Name])));
  compare('anonymous volume', volumes.filter(({ Labels }) => Labels?.['com.docker.volume.anonymous'] !== undefined).map(({ Name }) => Name), used.filter((name) => /^[0-9a-f]{64}$/.test(name)));
  compare('volume directory', readdirSync(join(dataRoot, 'volumes')), volumes.map(({ Name }) => Name));

  const networks = (await client.networks.list()).filter(({ Driver }) => Driver === 'bridge');
  const bridges = networks.map(({ Id, Name, Options }) => (Name === 'bridge' ? daemon.bridge : (Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`)));
  for (const [index, bridge] of bridges.entries()) {
    const network = networks[index];
    const ends = running.filter(({ NetworkSettings }) => Object.values(NetworkSettings.Networks).some(({ NetworkID }) => NetworkID === network?.Id)).length;
    const found = await linksOn(bridge);
    if (found !== ends) differences.push(`${found} interfaces on ${bridge}, ${ends} endpoints`);
  }
  const published = running.flatMap(({ NetworkSettings }) => Object.values(NetworkSettings.Ports).flatMap((bindings) => (bindings ?? []).filter(({ HostIp }) => !HostIp.includes(':')).map(({ HostPort }) => HostPort)));
  compare('published port', await portsIn(`dhow_${daemon.bridge}`), published);
  const addresses = running.flatMap(({ NetworkSettings }) => Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress).filter((address) => address !== ''));
  for (const address of new Set(addresses)) if (addresses.filter((other) => other === address).length > 1) differences.push(`address ${address} is given twice`);
  return differences;
}

function mergedOf({ GraphDriver }: ContainerInspect): string {
  return GraphDriver.Data?.['MergedDir'] ?? '';
}

function ownsNetwork({ HostConfig }: ContainerInspect): boolean {
  return HostConfig.NetworkMode !== 'host' && !HostConfig.NetworkMode.startsWith('container:');
}

function directoriesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The ids of containers, or of containers with an exec, for which a shim of this daemon runs; an exec's with its own id. */
function shimsOf(root: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    let words: string[];
    try {
      words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    } catch {
      // Ended while we looked.
      return [];
    }
    const valueOf = (name: string): string => words[words.indexOf(name) + 1] ?? '';
    if (words[0]?.endsWith('/dhow-shim') !== true || !valueOf('--run-directory').startsWith(`${root}/`)) return [];
    return words.includes('--process') ? [`of an exec in ${valueOf('--id')}`] : [valueOf('--id')];
  });
}

function linksTo(executionRoot: string): string[] {
  const directory = '/var/run/docker/netns';
  if (!existsSync(directory)) return [];
  return readdirSync(directory).map((name) => join(directory, name)).filter((link) => {
    const target = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(link) : '';
    return target.startsWith(`${executionRoot}/`) && !target.endsWith('/default');
  });
}

async function linksOn(bridge: string): Promise<number> {
  const { stdout: output } = await runProgram('ip', ['-j', 'link', 'show', 'master', bridge]);
  return output.trim() === '' ? 0 : (JSON.parse(output) as unknown[]).length;
}

async function portsIn(table: string): Promise<string[]> {
  const { stdout: output } = await runProgram('nft', ['list', 'map', 'ip', table, 'ports']);
  return [...output.matchAll(/(?:tcp|udp) \. (\d+) :/g)].map(([, port]) => port ?? '');
}
