/**
 * Sockets bound to an address and port, as bare descriptors: binding is synchronous and its failure is
 * typed, and the descriptor can then be handed to Node's servers. Made in the caller's network namespace.
 */
import { checked, declare, lastErrno, syscallError } from './libc.ts';

const socketCall = declare('int socket(int domain, int type, int protocol)');
const bindCall = declare('int bind(int fd, const void *address, unsigned int length)');
const listenCall = declare('int listen(int fd, int backlog)');
const setsockoptCall = declare('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)');
const getsocknameCall = declare('int getsockname(int fd, _Out_ void *address, _Inout_ void *length)');
const closeCall = declare('int close(int fd)');

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_SCTP = 132;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export type SocketProtocol = 'tcp' | 'udp' | 'sctp';

export class BoundSocket implements Disposable {
  readonly address: string;
  readonly port: number;
  #fd: number;

  /**
   * @param address IPv4, or IPv6 as 16 bytes' text form; an IPv6 socket takes no IPv4 traffic
   * @param options.shared lets further sockets of other addresses have the port (UDP); see {@link setShared}
   * @throws kernel.syscall_failed with `errno`: EADDRINUSE, EADDRNOTAVAIL, EACCES, EPROTONOSUPPORT, EAFNOSUPPORT
   */
  constructor(protocol: SocketProtocol, address: string, port: number, options: { shared?: boolean } = {}) {
    this.address = address;
    this.port = port;
    const six = address.includes(':');
    const type = (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#fd = checked(socketCall(six ? AF_INET6 : AF_INET, type, protocol === 'sctp' ? IPPROTO_SCTP : 0), 'socket', address);
    try {
      if (six) this.#option(IPPROTO_IPV6, IPV6_V6ONLY, 1);
      // TCP: ports in TIME_WAIT may be had; a listener still stands in the way.
      if (protocol === 'tcp' || options.shared === true) this.#option(SOL_SOCKET, SO_REUSEADDR, 1);
      const bytes = socketAddress(address, port);
      checked(bindCall(this.#fd, bytes, bytes.length), 'bind', `${address}:${port}`);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** @throws kernel.syscall_failed, EADDRINUSE when another socket that shares the port listens */
  listen(): void {
    checked(listenCall(this.#fd, 511), 'listen', `${this.address}:${this.port}`);
  }

  /** The port it has, also where the kernel chose one. */
  localPort(): number {
    const bytes = Buffer.alloc(28);
    const length = Buffer.from([bytes.length, 0, 0, 0]);
    checked(getsocknameCall(this.#fd, bytes, length), 'getsockname', this.address);
    return bytes.readUInt16BE(2);
  }

  /** Whether later sockets may bind the same port at another address. */
  setShared(shared: boolean): void {
    this.#option(SOL_SOCKET, SO_REUSEADDR, shared ? 1 : 0);
  }

  /** Room for what has come and is not read yet, in bytes, also beyond what programs may ask for. */
  setReceiveBuffer(size: number): void {
    this.#option(SOL_SOCKET, SO_RCVBUFFORCE, size);
  }

  /** Gives the descriptor away: whoever gets it closes it. */
  release(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  #option(level: number, name: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    if (setsockoptCall(this.#fd, level, name, bytes, bytes.length) < 0) throw syscallError('setsockopt', this.address, lastErrno());
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeCall(this.release());
  }
}

/** `struct sockaddr_in` or `sockaddr_in6`. */
function socketAddress(address: string, port: number): Buffer {
  const six = address.includes(':');
  const bytes = Buffer.alloc(six ? 28 : 16);
  bytes.writeUInt16LE(six ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  if (six) ipv6Bytes(address).copy(bytes, 8);
  else Buffer.from(address.split('.').map(Number)).copy(bytes, 4);
  return bytes;
}

/** The sixteen bytes of an IPv6 address in any of its text forms, without a zone. */
export function ipv6Bytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text = dotted === null
    ? address
    : address.slice(0, dotted.index) + [0, 2].map((at) => ((Number(dotted[at + 1]) << 8) | Number(dotted[at + 2])).toString(16)).join(':');
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  groups(head).forEach((group, at) => bytes.writeUInt16BE(group, at * 2));
  const last = tail === undefined ? [] : groups(tail);
  last.forEach((group, at) => bytes.writeUInt16BE(group, 16 - (last.length - at) * 2));
  return bytes;
}
