/** Opens the sockets a server listens on, and puts away what a dead daemon left in their place. */
import { chmod, chown, lstat, mkdir, readFile, unlink } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';

const backlog = 1024;
/** Of the first descriptor systemd passes (sd_listen_fds(3)). */
const firstPassed = 3;

export interface ListenOptions {
  /** Group that may use a unix socket; undefined or unknown: root only. */
  readonly group: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly onConnection: (socket: Socket) => void;
}

/** Listens. One server per socket: `fd://` may stand for several. @throws api.listen_failed */
export async function openListeners(address: ListenAddress, options: ListenOptions): Promise<Server[]> {
  const shown = formatListenAddress(address);
  try {
    switch (address.kind) {
      case 'unix':
        return [await listenUnix(address.path, options)];
      case 'tcp':
        return [await listen(options, { host: address.host, port: address.port, backlog })];
      case 'fd': {
        const descriptors = passedDescriptors(options.environment).filter((fd) => address.which === undefined || fd === address.which);
        if (descriptors.length === 0) throw new Error('systemd has passed no such socket: start the daemon by its socket unit, or name a unix:// or tcp:// address');
        return await Promise.all(descriptors.map((fd) => listen(options, { fd })));
      }
    }
  } catch (error) {
    throw fail('api.listen_failed', { address: shown, reason: messageOf(error) }, error);
  }
}

// A server for TLS connections would be made here; all behind works on any socket.
async function listen(options: ListenOptions, where: { host: string; port: number; backlog: number } | { path: string; backlog: number } | { fd: number }): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, options.onConnection);
  server.listen(where);
  await once(server, 'listening');
  return server;
}

async function listenUnix(path: string, options: ListenOptions): Promise<Server> {
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  await removeStale(path);
  // Until chmod the umask decides; no usual one lets others write, which connecting needs.
  const server = await listen(options, { path, backlog });
  try {
    const group = options.group === undefined ? undefined : await groupId(options.group);
    await chown(path, process.getuid?.() ?? 0, group ?? process.getgid?.() ?? 0);
    await chmod(path, 0o660);
  } catch (error) {
    server.close();
    throw error;
  }
  return server;
}

/** Removes a socket nobody listens on. */
async function removeStale(path: string): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isSocket()) throw new Error('there is a file in its place that is no socket');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if (await answers(path)) throw new Error('another process listens there');
  await unlink(path);
}

async function answers(path: string): Promise<boolean> {
  const probe = connect(path);
  try {
    await once(probe, 'connect');
    return true;
  } catch (error) {
    if (hasCode(error, 'ECONNREFUSED') || hasCode(error, 'ENOENT')) return false;
    throw error;
  } finally {
    probe.destroy();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Number of a group, by name or number; undefined where there is none. */
async function groupId(group: string): Promise<number | undefined> {
  const groups = await readFile('/etc/group', 'utf8');
  for (const line of groups.split('\n')) {
    const [name, , number] = line.split(':');
    if (name === group && number !== undefined) return Number(number);
  }
  return /^\d+$/.test(group) ? Number(group) : undefined;
}

function passedDescriptors(environment: NodeJS.ProcessEnv): number[] {
  if (Number(environment['LISTEN_PID']) !== process.pid) return [];
  return Array.from({ length: Number(environment['LISTEN_FDS'] ?? 0) }, (_, place) => firstPassed + place);
}
