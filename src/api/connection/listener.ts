/**
 * The sockets a server listens on. They are opened before there is anything to serve, so that a daemon that cannot
 * have them has changed nothing; clients that come meanwhile wait. They can be handed over to a next daemon, which
 * listens on the same sockets: nobody is refused then.
 */
import { chmod, chown, lstat, mkdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { dirname } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';

const backlog = 1024;
/** Of the first descriptor systemd passes (sd_listen_fds(3)). */
const firstPassed = 3;
/** sockaddr_un.sun_path holds 108 bytes with the final NUL. */
const longestSocketPath = 107;
/** First byte of a TLS record with a handshake. */
const handshakeRecord = 0x16;

/** PEM texts. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
  /** Clients show a certificate that this authority has signed; undefined: they need none. */
  readonly clientAuthority: string | undefined;
}

export interface ListenOptions {
  /** Group that may use a unix socket; undefined or unknown: root only. */
  readonly group: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** For TCP addresses; undefined: without encryption. */
  readonly tls?: TlsIdentity | undefined;
  /** A socket that listens at the address already. */
  readonly inherited?: ((address: ListenAddress) => InheritedSocket | undefined) | undefined;
}

export interface InheritedSocket {
  readonly descriptor: number;
  /** Whether its file goes with this process; false: whoever opened it keeps it. */
  readonly owned: boolean;
}

interface Listener {
  readonly server: Server;
  /** Its file is removed with it, if it is still the same. */
  readonly file: { readonly path: string; readonly inode: number } | undefined;
}

export class ListeningSockets implements AsyncDisposable {
  readonly addresses: ListenAddress[] = [];
  readonly #options: ListenOptions;
  readonly #listeners: Listener[] = [];
  readonly #waiting = new Set<Socket>();
  readonly #tls: TlsServer | undefined;
  #serve: ((socket: Socket) => void) | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#tls = options.tls === undefined ? undefined : tlsServer(options.tls, (socket) => this.#arrive(socket));
  }

  get encrypted(): boolean {
    return this.#tls !== undefined;
  }

  /** Whether clients have to show who they are. */
  get verifying(): boolean {
    return this.#options.tls?.clientAuthority !== undefined;
  }

  /** Listens on one more address: `fd://` may stand for several sockets. @throws api.listen_failed */
  async open(address: ListenAddress): Promise<void> {
    try {
      this.#listeners.push(...(await this.#listenersFor(address)));
    } catch (error) {
      throw fail('api.listen_failed', { address: formatListenAddress(address), reason: messageOf(error) }, error);
    }
    this.addresses.push(address);
  }

  /** Gives connections to whoever serves them: those that wait, and all that come. */
  serve(handler: (socket: Socket) => void): void {
    this.#serve = handler;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const socket of waiting) handler(socket);
  }

  /** Stops taking connections; whoever has copies of the sockets goes on with them, in the same place. */
  async handOver(): Promise<void> {
    await this.#close({ keepFiles: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close({ keepFiles: false });
  }

  async #close({ keepFiles }: { keepFiles: boolean }): Promise<void> {
    const listeners = this.#listeners.splice(0);
    await Promise.all(listeners.map(async ({ server, file }) => {
      if (file !== undefined && !keepFiles && (await inodeOf(file.path)) === file.inode) await rm(file.path, { force: true });
      server.close();
      // Connections that are served keep it from closing; it takes no more at once.
      server.unref();
    }));
    for (const socket of this.#waiting) socket.destroy();
    this.#waiting.clear();
  }

  #arrive(socket: Socket): void {
    if (this.#serve !== undefined) return this.#serve(socket);
    this.#waiting.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#waiting.delete(socket));
  }

  async #listenersFor(address: ListenAddress): Promise<Listener[]> {
    const inherited = this.#options.inherited?.(address);
    switch (address.kind) {
      case 'unix':
        if (inherited === undefined) return [await this.#listenUnix(address.path)];
        return [{ server: await this.#listen({ fd: inherited.descriptor }), file: inherited.owned ? await fileAt(address.path) : undefined }];
      case 'tcp':
        return [{ server: await this.#listenTcp(inherited === undefined ? { host: address.host, port: address.port, backlog } : { fd: inherited.descriptor }), file: undefined }];
      case 'fd': {
        const descriptors = passedDescriptors(this.#options.environment).filter((fd) => address.which === undefined || fd === address.which);
        if (descriptors.length === 0) throw new Error('systemd has passed no such socket: start the daemon by its socket unit, or name a unix:// or tcp:// address');
        return await Promise.all(descriptors.map(async (fd) => ({ server: await this.#listen({ fd }), file: undefined })));
      }
    }
  }

  async #listen(where: { host: string; port: number; backlog: number } | { path: string; backlog: number } | { fd: number }, arrive = (socket: Socket): void => this.#arrive(socket)): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, arrive);
    server.listen(where);
    await once(server, 'listening');
    return server;
  }

  async #listenTcp(where: { host: string; port: number; backlog: number } | { fd: number }): Promise<Server> {
    const tls = this.#tls;
    return await this.#listen(where, tls === undefined ? undefined : (socket) => withTls(socket, tls));
  }

  async #listenUnix(path: string): Promise<Listener> {
    await mkdir(dirname(path), { recursive: true, mode: 0o711 });
    await removeStale(path);
    // Made elsewhere and put in its place when it is all right: nobody meets it half-made, and its end leaves the place alone.
    const draft = `${path}.${process.pid}`;
    const bound = Buffer.byteLength(draft) > longestSocketPath ? path : draft;
    const server = await this.#listen({ path: bound, backlog });
    try {
      const group = this.#options.group === undefined ? undefined : await groupId(this.#options.group);
      await chown(bound, process.getuid?.() ?? 0, group ?? process.getgid?.() ?? 0);
      await chmod(bound, 0o660);
      if (bound !== path) await rename(bound, path);
      return { server, file: await fileAt(path) };
    } catch (error) {
      server.close();
      throw error;
    }
  }
}

function tlsServer({ certificate, key, clientAuthority }: TlsIdentity, onConnection: (socket: Socket) => void): TlsServer {
  const server = createTlsServer({
    cert: certificate,
    key,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    allowHalfOpen: true,
    ...(clientAuthority !== undefined && { ca: clientAuthority, requestCert: true, rejectUnauthorized: true }),
  });
  server.on('secureConnection', onConnection);
  return server;
}

/** Passes a connection on to TLS; who speaks plain HTTP is told so, as Go's server does. */
function withTls(socket: Socket, tls: TlsServer): void {
  socket.on('error', () => undefined);
  socket.once('readable', () => {
    const first: unknown = socket.read();
    if (!Buffer.isBuffer(first)) return void socket.destroy();
    if (first[0] !== handshakeRecord) return void socket.end('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
    socket.unshift(first);
    tls.emit('connection', socket);
  });
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

async function fileAt(path: string): Promise<Listener['file']> {
  const inode = await inodeOf(path);
  return inode === undefined ? undefined : { path, inode };
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).ino;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
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

/** Numbers of the descriptors that systemd has passed, sd_listen_fds(3). */
export function passedDescriptors(environment: NodeJS.ProcessEnv): number[] {
  if (Number(environment['LISTEN_PID']) !== process.pid) return [];
  return Array.from({ length: Number(environment['LISTEN_FDS'] ?? 0) }, (_, place) => firstPassed + place);
}
