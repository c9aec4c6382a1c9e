/** Connections to shims: the control channel, and streams of attached clients. */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { fail, messageOf } from '#base/errors/failure.ts';
import type { AttachOptions, AttachStream } from './contract.ts';
import { copyOwnDescriptor } from '#kernel/socketpair.ts';
import { encodeHello, frameType, role, ShimMessageParser, type ShimMessage } from './shim-frames.ts';

/** Name of the socket in a run directory. */
export const shimSocketName = 'sock';

/** sockaddr_un.sun_path holds 108 bytes with the final NUL. */
const longestSocketPath = 107;

/** The path to connect to. @throws runtime.path_too_long */
export function shimSocketPath(runDirectory: string): string {
  const path = `${runDirectory}/${shimSocketName}`;
  const length = Buffer.byteLength(path);
  if (length > longestSocketPath) throw fail('runtime.path_too_long', { path, length, limit: longestSocketPath });
  return path;
}

export function rolesOf(options: AttachOptions): number {
  return (options.stdin ? role.stdin : 0) | (options.stdout ? role.stdout : 0) | (options.stderr ? role.stderr : 0);
}

/** Takes over a connected descriptor. */
export function socketOf(descriptor: number): Socket {
  return new Socket({ fd: descriptor, readable: true, writable: true, allowHalfOpen: true });
}

/** Makes a client's stream of a socket that is in its place at the shim. `direct`: the shim serves the client's own connection. */
export function attachStreamOf(socket: Socket, direct = false): AttachStream {
  // The connection breaks only with the shim itself, which `exited` tells; to the client it is the end.
  socket.on('error', () => undefined);
  // All is read: what the client would still write has nowhere to go.
  socket.once('end', () => socket.destroySoon());
  return direct ? Object.assign(socket, { direct }) : socket;
}

/** A stream that has ended, for who comes after the process. */
export function endedStream(): AttachStream {
  const socket = new Socket({ allowHalfOpen: true });
  socket.on('error', () => undefined);
  socket.push(null);
  socket.once('end', () => socket.destroy());
  return socket;
}

/**
 * Connects to a shim and takes a place with these roles. Undefined when no shim listens there (any more); it is
 * waited for as long as one does but does not answer, being stopped. Bytes after its answer are left in the socket.
 */
export async function connectShim(runDirectory: string, roles: number): Promise<Socket | undefined> {
  return (await connectClient(runDirectory, roles, undefined))?.socket;
}

/**
 * The same for a client whose connection the shim is to serve by itself; `direct`: whether it does. Shims of earlier
 * versions and kernels without pidfd_getfd(2) do not.
 */
export async function connectClient(runDirectory: string, roles: number, connection: number | undefined): Promise<{ socket: Socket; direct: boolean } | undefined> {
  const path = shimSocketPath(runDirectory);
  const socket = new Socket({ allowHalfOpen: true });
  const { promise, resolve, reject } = Promise.withResolvers<{ socket: Socket; direct: boolean } | undefined>();
  const onReadable = (): void => {
    const answer: unknown = socket.read(1);
    if (Buffer.isBuffer(answer)) resolve({ socket, direct: answer[0] === frameType.taken });
  };
  const onEnd = (): void => resolve(undefined);
  const onError = (error: Error): void => {
    if ('code' in error && ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTDIR'].includes(String(error.code))) resolve(undefined);
    else reject(fail('runtime.shim_protocol', { path, reason: `cannot be reached: ${messageOf(error)}` }, error));
  };
  socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError);
  socket.connect(path);
  // The number must mean this connection until the shim has its copy, whatever becomes of it here.
  const copy = connection === undefined ? undefined : copyOwnDescriptor(connection);
  socket.write(encodeHello(roles, copy));
  try {
    const connected = await promise;
    if (connected === undefined) socket.destroy();
    return connected;
  } finally {
    if (copy !== undefined) closeSync(copy);
    socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError);
  }
}

export interface ControlEvents {
  onMessage(message: ShimMessage): void;
  /** The shim has ended, or breaks the protocol. Called once, after the last message. */
  onClosed(): void;
}

/** A shim's control channel. */
export class ControlChannel implements Disposable {
  readonly #socket: Socket;
  #closed = false;

  constructor(socket: Socket, events: ControlEvents) {
    this.#socket = socket;
    const parser = new ShimMessageParser();
    socket.on('data', (chunk) => {
      if (this.#closed) return;
      let messages: ShimMessage[];
      try {
        messages = parser.push(chunk);
      } catch {
        // Whatever talks there is no shim: the same as none.
        socket.destroy();
        return;
      }
      for (const message of messages) events.onMessage(message);
    });
    socket.on('error', () => socket.destroy());
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      if (!this.#closed) events.onClosed();
      this.#closed = true;
    });
    socket.resume();
  }

  send(frame: Buffer): void {
    if (!this.#closed) this.#socket.write(frame);
  }

  /** Lets go of the shim, which goes on; no event is given any more. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#socket.destroy();
  }
}
