/**
 * Tells everybody on a bridge which hardware address has an IPv4 address now (RFC 5227 announcement).
 * Addresses are given out again at once, and peers keep an earlier owner for minutes otherwise.
 */
import { checked, declare } from './libc.ts';
import { ipv4Bytes } from './netlink/ipv4-bytes.ts';
import { macBytes } from './netlink/mac-address.ts';

const socketCall = declare('int socket(int domain, int type, int protocol)');
const sendtoCall = declare('long sendto(int fd, const void *buffer, size_t length, int flags, const void *address, unsigned int addressLength)');
const closeCall = declare('int close(int fd)');

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const broadcast = Buffer.alloc(6, 0xff);

export class ArpAnnouncer implements Disposable {
  // Protocol 0: it receives nothing.
  #fd = checked(socketCall(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket', 'packet');

  /** Best effort, as every datagram is: an announcement that cannot be sent costs a delay, never the connection. */
  announce(linkIndex: number, address: string, macAddress: string): void {
    const mac = macBytes(macAddress);
    const ip = ipv4Bytes(address);
    // Ethernet header, then a request for the sender's own address.
    const frame = Buffer.concat([broadcast, mac, Buffer.from('0806' + '0001080006040001', 'hex'), mac, ip, Buffer.alloc(6), ip]);
    const link = Buffer.alloc(20);
    link.writeUInt16LE(AF_PACKET, 0);
    link.writeUInt16BE(0x0806, 2);
    link.writeInt32LE(linkIndex, 4);
    link.writeUInt8(6, 11);
    broadcast.copy(link, 12);
    sendtoCall(this.#fd, frame, frame.length, 0, link, link.length);
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeCall(this.#fd);
    this.#fd = -1;
  }
}
