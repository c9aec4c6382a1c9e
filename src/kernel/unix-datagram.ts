/**
 * Connected unix datagram sockets, which Node does not have: for the system log and the journal. A message that is
 * too large for a datagram goes as a sealed memory file, as journald takes it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { failedWith } from './failed-with.ts';
import { checked, declare, koffi } from './libc.ts';

const socketCall = declare('int socket(int domain, int type, int protocol)');
const connectCall = declare('int connect(int fd, const void *address, unsigned int length)');
const sendCall = declare('long send(int fd, const void *bytes, size_t length, int flags)');
koffi.struct('dhow_message', { name: 'void *', nameLength: 'uint32_t', pieces: 'void *', pieceCount: 'size_t', control: 'void *', controlLength: 'size_t', flags: 'int' });
const sendmsgCall = declare('long sendmsg(int fd, const dhow_message *message, int flags)');
const memfdCreate = declare('int memfd_create(const char *name, unsigned int flags)');
const writeCall = declare('long write(int fd, const void *bytes, size_t length)');
const fcntlCall = declare('int fcntl(int fd, int command, int argument)');
const closeCall = declare('int close(int fd)');

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const allSeals = 0xf;
/** Milliseconds between looks at a receiver whose queue is full. */
const fullQueueWait = 5;

export class UnixDatagramSocket implements Disposable {
  readonly #path: string;
  #fd: number;

  /** @throws kernel.syscall_failed: ENOENT, ECONNREFUSED, EPROTOTYPE where the socket is a stream's */
  constructor(path: string) {
    this.#path = path;
    this.#fd = checked(Number(socketCall(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), 'socket', path);
    try {
      const address = Buffer.alloc(110);
      address.writeUInt16LE(AF_UNIX, 0);
      address.write(path, 2, 107);
      checked(Number(connectCall(this.#fd, address, 2 + Buffer.byteLength(path) + 1)), 'connect', path);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends one datagram, waiting while the receiver's queue is full. @throws kernel.syscall_failed: EMSGSIZE, ECONNREFUSED */
  async send(bytes: Buffer, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        checked(Number(sendCall(this.#fd, bytes, bytes.length, MSG_NOSIGNAL)), 'send', this.#path);
        return;
      } catch (error) {
        if (!failedWith(error, 'EAGAIN', 'EINTR', 'ENOBUFS')) throw error;
        await delay(fullQueueWait, undefined, { signal });
      }
    }
  }

  /** As {@link send}; what no datagram holds goes as a sealed memory file instead. */
  async sendOrPass(bytes: Buffer, signal: AbortSignal): Promise<void> {
    try {
      await this.send(bytes, signal);
    } catch (error) {
      if (!failedWith(error, 'EMSGSIZE', 'ENOBUFS')) throw error;
      await this.#passAsFile(bytes, signal);
    }
  }

  async #passAsFile(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const file = checked(Number(memfdCreate('log-entry', MFD_CLOEXEC | MFD_ALLOW_SEALING)), 'memfd_create');
    try {
      for (let at = 0; at < bytes.length; ) at += checked(Number(writeCall(file, bytes.subarray(at), bytes.length - at)), 'write');
      checked(Number(fcntlCall(file, F_ADD_SEALS, allSeals)), 'fcntl');
      const message = descriptorMessage(file);
      for (;;) {
        try {
          checked(Number(sendmsgCall(this.#fd, message, MSG_NOSIGNAL)), 'sendmsg', this.#path);
          return;
        } catch (error) {
          if (!failedWith(error, 'EAGAIN', 'EINTR')) throw error;
          await delay(fullQueueWait, undefined, { signal });
        }
      }
    } finally {
      closeCall(file);
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeCall(this.#fd);
    this.#fd = -1;
  }
}

/** A message without bytes that carries one descriptor. */
function descriptorMessage(descriptor: number): object {
  const control = Buffer.alloc(24);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(descriptor, 16);
  return { name: null, nameLength: 0, pieces: null, pieceCount: 0, control, controlLength: control.length, flags: 0 };
}
