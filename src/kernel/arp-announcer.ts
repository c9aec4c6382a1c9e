/**
 * Tells everybody on a bridge which hardware address has an address now: of IPv4 by an announcement of
 * RFC 5227, of IPv6 by an unsolicited neighbour advertisement (RFC 4861, 7.2.6).
 * Addresses are given out again at once, and peers keep an earlier owner for minutes otherwise.
 */
import { checked, declare } from './libc.ts';
import { ipv4Bytes } from './netlink/ipv4-bytes.ts';
import { ipv6Bytes } from './netlink/ipv6-bytes.ts';
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
    const six = address.includes(':');
    const mac = macBytes(macAddress);
    const frame = six ? advertisement(mac, ipv6Bytes(address)) : announcement(mac, ipv4Bytes(address));
    const link = Buffer.alloc(20);
    link.writeUInt16LE(AF_PACKET, 0);
    link.writeUInt16BE(six ? 0x86dd : 0x0806, 2);
    link.writeInt32LE(linkIndex, 4);
    link.writeUInt8(6, 11);
    frame.copy(link, 12, 0, 6);
    sendtoCall(this.#fd, frame, frame.length, 0, link, link.length);
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeCall(this.#fd);
    this.#fd = -1;
  }
}

/** Ethernet header, then a request for the sender's own address. */
function announcement(mac: Buffer, ip: Buffer): Buffer {
  return Buffer.concat([broadcast, mac, Buffer.from('0806' + '0001080006040001', 'hex'), mac, ip, Buffer.alloc(6), ip]);
}

/** To all nodes of the link, overriding what they know. */
function advertisement(mac: Buffer, ip: Buffer): Buffer {
  const everyNode = ipv6Bytes('ff02::1');
  const message = Buffer.concat([Buffer.from('88000000' + '20000000', 'hex'), ip, Buffer.from([2, 1]), mac]);
  const pseudoHeader = Buffer.concat([ip, everyNode, Buffer.from([0, 0, 0, message.length, 0, 0, 0, 58])]);
  message.writeUInt16BE(checksum(Buffer.concat([pseudoHeader, message])), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, 255]);
  return Buffer.concat([Buffer.from('333300000001', 'hex'), mac, Buffer.from('86dd', 'hex'), header, ip, everyNode, message]);
}

/** RFC 1071; the length is even. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) sum += bytes.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
