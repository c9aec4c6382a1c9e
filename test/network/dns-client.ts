/** Asks the resolver of a container from inside its network, over datagrams or a stream. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { BoundSocket } from '#kernel/bound-socket.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import { encodeName } from '#network/dns/message.ts';
import { succeed } from './private-host.ts';

export const typeOf = { a: 1, pointer: 12, mx: 15, aaaa: 28 } as const;

export interface Answer {
  readonly code: number;
  /** Addresses, or names for pointers. */
  readonly data: readonly string[];
}

export function makeQuery(name: string, type: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(randomInt(65536), 0);
  head.writeUInt16BE(0x0100, 2);
  head.writeUInt16BE(1, 4);
  return Buffer.concat([head, encodeName(name), Buffer.from([type >> 8, type & 255, 0, 1])]);
}

/** Sends the query as a datagram; fails when no answer comes within two seconds. */
export async function exchange(namespacePath: string, query: Buffer, from = 0): Promise<Buffer> {
  const fd = inNetworkNamespace(namespacePath, () => new BoundSocket('udp', '127.0.0.1', from).release());
  const socket = createSocket('udp4');
  try {
    socket.bind({ fd });
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(2000) });
    socket.send(query, 53, '127.0.0.11');
    const [message] = (await answer) as [Buffer];
    return message;
  } finally {
    socket.close();
  }
}

export async function resolveName(namespacePath: string, name: string, type: number = typeOf.a): Promise<Answer> {
  const query = makeQuery(name, type);
  return readAnswer(await exchange(namespacePath, query), query.length);
}

/** The same over TCP; the answer's bytes. */
export async function exchangeByStream(namespacePath: string, query: Buffer): Promise<Buffer> {
  const program = `
import socket, struct, sys
query = bytes.fromhex(sys.argv[1])
connection = socket.create_connection(('127.0.0.11', 53), 2)
connection.sendall(struct.pack('>H', len(query)) + query)
data = b''
while len(data) < 2 or len(data) < 2 + struct.unpack('>H', data[:2])[0]:
    chunk = connection.recv(65536)
    if not chunk: break
    data += chunk
print(data[2:].hex())
`;
  return Buffer.from((await succeed('nsenter', [`--net=${namespacePath}`, 'python3', '-c', program, query.toString('hex')])).trim(), 'hex');
}

/** Reads answers whose names are compressed, as ours are. */
export function readAnswer(message: Buffer, questionEnd: number): Answer {
  const data: string[] = [];
  let offset = questionEnd;
  for (let count = message.readUInt16BE(6); count > 0; count--) {
    const type = message.readUInt16BE(offset + 2);
    const length = message.readUInt16BE(offset + 10);
    const bytes = message.subarray(offset + 12, offset + 12 + length);
    data.push(type === typeOf.pointer ? readName(bytes) : bytes.join('.'));
    offset += 12 + length;
  }
  return { code: message.readUInt16BE(2) & 15, data };
}

function readName(bytes: Buffer): string {
  const labels: string[] = [];
  for (let offset = 0; (bytes[offset] ?? 0) !== 0; offset += 1 + (bytes[offset] ?? 0)) labels.push(bytes.toString('latin1', offset + 1, offset + 1 + (bytes[offset] ?? 0)));
  return labels.join('.');
}
