/**
 * A netlink socket. It belongs to the network namespace in which it was made, wherever it is used.
 * The kernel answers within the send, so a request never waits for anything but the kernel's own locks.
 */
import { promisify } from 'node:util';
import { fail } from '#base/errors/failure.ts';
import { checked, declare, describeErrno, errnoName } from '../libc.ts';
import { MessageBatch, readAttributes, splitMessages, attributeText, type ReceivedMessage } from './message-batch.ts';

const socketCall = declare('int socket(int domain, int type, int protocol)');
const setsockoptCall = declare('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)');
const sendCall = declare('long send(int fd, const void *buffer, size_t length, int flags)');
const recvCall = declare('long recv(int fd, void *buffer, size_t length, int flags)');
const closeCall = declare('int close(int fd)');
const sendAsync = promisify(sendCall.async) as (fd: number, buffer: Buffer, length: number, flags: number) => Promise<number>;
const receiveAsync = promisify(recvCall.async) as (fd: number, buffer: Buffer, length: number, flags: number) => Promise<number | bigint>;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUF = 8;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;

const protocols = { route: 0, netfilter: 12 } as const;

export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #receiveBuffer = Buffer.allocUnsafe(64 * 1024);
  #sequence = 1;
  #closed = false;

  constructor(protocol: keyof typeof protocols) {
    this.#fd = checked(socketCall(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocols[protocol]), 'socket', `netlink ${protocol}`);
    const one = Buffer.from([1, 0, 0, 0]);
    // Both only shorten or explain answers; kernels that lack them answer all the same.
    setsockoptCall(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, one, 4);
    setsockoptCall(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, one, 4);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(1024 * 1024);
    setsockoptCall(this.#fd, SOL_SOCKET, SO_RCVBUF, size, 4);
    // Against waiting for ever should an answer be lost.
    const fiveSeconds = Buffer.alloc(16);
    fiveSeconds.writeBigInt64LE(5n, 0);
    setsockoptCall(this.#fd, SOL_SOCKET, SO_RCVTIMEO, fiveSeconds, 16);
  }

  /** An empty batch whose sequence numbers follow those used before. */
  batch(): MessageBatch {
    return new MessageBatch(this.#sequence);
  }

  /**
   * Sends the batch and reads every answer.
   * @returns the messages that are no acknowledgements, of all dumps together
   * @throws kernel.syscall_failed of the first refused message, with `purpose`, `subject`, `errno`
   */
  request(batch: MessageBatch): ReceivedMessage[] {
    this.#sequence = batch.nextSequence;
    checked(Number(sendCall(this.#fd, batch.bytes, batch.bytes.length, 0)), 'send', 'netlink');
    return this.#readAnswers(batch);
  }

  /** As {@link request}, with the kernel's work done on a thread of the pool: for requests that wait for a grace period. */
  async requestAsync(batch: MessageBatch): Promise<ReceivedMessage[]> {
    this.#sequence = batch.nextSequence;
    const sent = await sendAsync(this.#fd, batch.bytes, batch.bytes.length, 0);
    if (sent < 0) throw fail('kernel.syscall_failed', { syscall: 'send', path: 'netlink', reason: 'the request was not taken' });
    return this.#readAnswers(batch);
  }

  /**
   * As {@link requestAsync} for a single message that has the kernel echo what it does: resolves with the echo, while the
   * kernel may go on cleaning up, or with the acknowledgement where it echoes nothing. The socket is of no use afterwards
   * and must not be disposed before `finished`.
   * @throws kernel.syscall_failed
   */
  async requestEchoed(batch: MessageBatch, echoType: number): Promise<{ readonly finished: Promise<void> }> {
    const finished = sendAsync(this.#fd, batch.bytes, batch.bytes.length, 0).then(() => undefined);
    const [pending] = batch.pending;
    for (;;) {
      const length = Number(await receiveAsync(this.#fd, this.#receiveBuffer, this.#receiveBuffer.length, 0));
      if (length < 0) throw fail('kernel.syscall_failed', { syscall: pending?.purpose, path: pending?.subject, reason: 'the kernel gave no answer' });
      for (const message of splitMessages(this.#receiveBuffer.subarray(0, length))) {
        if (message.sequence !== pending?.sequence) continue;
        if (message.type === echoType) return { finished };
        if (message.type !== NLMSG_ERROR) continue;
        const number = -message.payload.readInt32LE(0);
        if (number > 0) throw refused(pending.purpose, pending.subject, number, message);
        return { finished };
      }
    }
  }

  #readAnswers(batch: MessageBatch): ReceivedMessage[] {
    const awaited = new Map(batch.pending.map((pending) => [pending.sequence, pending]));
    const received: ReceivedMessage[] = [];
    let failure: Error | undefined;
    while (awaited.size > 0) {
      const length = checked(Number(recvCall(this.#fd, this.#receiveBuffer, this.#receiveBuffer.length, 0)), 'recv', 'netlink');
      for (const message of splitMessages(this.#receiveBuffer.subarray(0, length))) {
        const pending = awaited.get(message.sequence);
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          awaited.delete(message.sequence);
          const number = message.payload.length >= 4 ? -message.payload.readInt32LE(0) : 0;
          if (number > 0 && failure === undefined) failure = refused(pending?.purpose ?? 'netlink', pending?.subject, number, message);
        } else if (pending !== undefined) {
          // The buffer is used again by the next receive.
          received.push({ ...message, payload: Buffer.from(message.payload) });
        }
      }
      // A refused transaction is told once, for the message at fault or for the batch as a whole.
      if (failure !== undefined && awaited.size > 0) this.#drain();
      if (failure !== undefined) throw failure;
    }
    return received;
  }

  #drain(): void {
    const MSG_DONTWAIT = 0x40;
    while (Number(recvCall(this.#fd, this.#receiveBuffer, this.#receiveBuffer.length, MSG_DONTWAIT)) > 0);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeCall(this.#fd);
  }
}

function refused(purpose: string, subject: string | undefined, number: number, message: ReceivedMessage): Error {
  // With NETLINK_CAP_ACK the answer carries only the request's header, then the attributes.
  const explanation = message.payload.length > 20 ? attributeText(readAttributes(message.payload.subarray(20)).get(NLMSGERR_ATTR_MSG)) : '';
  const reason = explanation === '' ? describeErrno(number) : `${describeErrno(number)} (${explanation})`;
  return fail('kernel.syscall_failed', { syscall: purpose, path: subject, errno: errnoName(number), reason });
}
