/** Who is at the other end of a unix socket, unix(7). */
import type { Socket } from 'node:net';
import { commandLineOf } from './process-command.ts';
import { declare } from './libc.ts';

const getsockopt = declare('int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ void *length)');

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred`: pid, uid, gid. */
const credentialsSize = 12;

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  /** Its command line; empty where it has ended already, or lives in another pid namespace. */
  readonly command: string;
}

/** Undefined when the socket is no unix socket, or closed. */
export function peerCredentials(socket: Socket): PeerCredentials | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number' || fd < 0) return undefined;
  const value = Buffer.alloc(credentialsSize);
  const length = Buffer.alloc(4);
  length.writeInt32LE(credentialsSize);
  if (Number(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length)) !== 0) return undefined;
  const pid = value.readInt32LE(0);
  if (pid === 0) return undefined;
  return { pid, uid: value.readUInt32LE(4), command: commandLineOf(pid)?.join(' ') ?? '' };
}
