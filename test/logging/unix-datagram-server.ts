/** A unix datagram socket that is bound, as a system log's: Node has none. */
import koffi from 'koffi';

const library = koffi.load('libc.so.6');
const socketCall = library.func('int socket(int domain, int type, int protocol)');
const bindCall = library.func('int bind(int fd, const void *address, unsigned int length)');
const receiveCall = library.func('long recv(int fd, _Out_ uint8_t *bytes, size_t length, int flags)');
const closeCall = library.func('int close(int fd)');

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const largestDatagram = 262_144;

export class UnixDatagramServer implements Disposable {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = Number(socketCall(AF_UNIX, SOCK_DGRAM, 0));
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(path, 2, 107);
    if (this.#fd < 0 || Number(bindCall(this.#fd, address, 2 + Buffer.byteLength(path) + 1)) !== 0) throw new Error(`could not listen at ${path}: errno ${koffi.errno()}`);
  }

  /** The next datagram; undefined: none has come. */
  receive(): Buffer | undefined {
    const bytes = Buffer.alloc(largestDatagram);
    const length = Number(receiveCall(this.#fd, bytes, bytes.length, MSG_DONTWAIT));
    return length < 0 ? undefined : bytes.subarray(0, length);
  }

  [Symbol.dispose](): void {
    closeCall(this.#fd);
  }
}
