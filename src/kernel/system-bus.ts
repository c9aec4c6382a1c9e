/**
 * One call of a method on the machine's D-Bus, whose arguments are strings. Of what is answered only refusals matter.
 * Format and conversation: D-Bus Specification, "Message Protocol" and "Authentication Protocol".
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fail, isFailure } from '#base/errors/failure.ts';

export const systemBusSocket = '/run/dbus/system_bus_socket';

export interface BusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly arguments: readonly string[];
}

const bus = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' } as const;
const messageType = { call: 1, return: 2, error: 3 } as const;
const field = { path: 1, interface: 2, member: 3, errorName: 4, replySerial: 5, destination: 6, signature: 8 } as const;
const littleEndian = 0x6c;
const protocolVersion = 1;
const fixedHeaderLength = 16;
const helloSerial = 1;
const callSerial = 2;

/** @throws kernel.bus_call_failed with the error's `name` (errno's where the socket fails), also when there is no bus or nobody answers in time */
export async function callSystemBus(call: BusCall, options: { readonly socketPath?: string; readonly signal: AbortSignal }): Promise<void> {
  const { socketPath = systemBusSocket, signal } = options;
  const socket = connect(socketPath);
  const onAbort = (): void => void socket.destroy(new Error('nobody answered in time'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await converse(socket, call);
  } catch (error) {
    if (error instanceof Error && 'details' in error) throw error;
    throw fail('kernel.bus_call_failed', { member: call.member, name: error instanceof Error && 'code' in error ? String(error.code) : '', reason: error instanceof Error ? error.message : String(error) }, error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

/** What says that there is nobody of a name: the bus does, or there is no bus. */
const nobody: ReadonlySet<unknown> = new Set(['org.freedesktop.DBus.Error.NameHasNoOwner', 'ENOENT', 'ECONNREFUSED']);

/** Whether a service of this name runs; asking starts none. @throws kernel.bus_call_failed */
export async function runsOnSystemBus(name: string, options: { readonly socketPath?: string; readonly signal: AbortSignal }): Promise<boolean> {
  try {
    await callSystemBus({ ...bus, member: 'GetNameOwner', arguments: [name] }, options);
    return true;
  } catch (error) {
    if (isFailure(error, 'kernel.bus_call_failed') && nobody.has(error.details['name'])) return false;
    throw error;
  }
}

async function converse(socket: Socket, call: BusCall): Promise<void> {
  let received: Buffer = Buffer.alloc(0);
  const more = async (): Promise<void> => {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
  };
  const ended = once(socket, 'close').then(() => Promise.reject(new Error('the bus closed the connection')));
  ended.catch(() => undefined);
  const read = (): Promise<void> => Promise.race([more(), ended]);
  await once(socket, 'connect');
  // Who we are is what the kernel says; the identity stands in digits, in hexadecimal.
  socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(process.getuid?.() ?? 0)).toString('hex')}\r\n`);
  while (!received.includes('\r\n')) await read();
  const line = received.toString('latin1', 0, received.indexOf('\r\n'));
  received = received.subarray(line.length + 2);
  if (!line.startsWith('OK')) throw new Error(`the bus refuses the connection: ${line}`);
  socket.write(Buffer.concat([Buffer.from('BEGIN\r\n'), writeCall({ ...bus, member: 'Hello', arguments: [] }, helloSerial), writeCall(call, callSerial)]));
  for (;;) {
    const length = messageLength(received);
    if (length === undefined || received.length < length) {
      await read();
      continue;
    }
    const message = readMessage(received.subarray(0, length));
    received = received.subarray(length);
    if (message.replySerial !== callSerial && !(message.replySerial === helloSerial && message.type === messageType.error)) continue;
    if (message.type === messageType.error) throw fail('kernel.bus_call_failed', { member: call.member, name: message.errorName, reason: message.text });
    return;
  }
}

/** A call as it goes over the wire. */
export function writeCall(call: BusCall, serial: number): Buffer {
  const body = new Writer();
  for (const text of call.arguments) body.string(text);
  const fields = new Writer();
  const variant = (code: number, signature: string, write: () => void): void => {
    fields.align(8);
    fields.byte(code);
    fields.signature(signature);
    write();
  };
  variant(field.path, 'o', () => fields.string(call.path));
  variant(field.interface, 's', () => fields.string(call.interface));
  variant(field.member, 's', () => fields.string(call.member));
  variant(field.destination, 's', () => fields.string(call.destination));
  if (call.arguments.length > 0) variant(field.signature, 'g', () => fields.signature('s'.repeat(call.arguments.length)));
  const head = Buffer.alloc(fixedHeaderLength);
  head.set([littleEndian, messageType.call, 0, protocolVersion]);
  head.writeUInt32LE(body.length, 4);
  head.writeUInt32LE(serial, 8);
  head.writeUInt32LE(fields.length, 12);
  fields.align(8);
  return Buffer.concat([head, fields.bytes, body.bytes]);
}

interface Message {
  readonly type: number;
  readonly replySerial: number;
  readonly errorName: string;
  /** Its first argument where that is a string. */
  readonly text: string;
}

/** Undefined until enough is there to tell. */
function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < fixedHeaderLength) return undefined;
  if (bytes[0] !== littleEndian) throw new Error('the answer is of another byte order');
  return aligned(fixedHeaderLength + bytes.readUInt32LE(12), 8) + bytes.readUInt32LE(4);
}

function readMessage(bytes: Buffer): Message {
  const fieldsEnd = fixedHeaderLength + bytes.readUInt32LE(12);
  let [replySerial, errorName, signature] = [0, '', ''];
  let offset = fixedHeaderLength;
  while (offset < fieldsEnd) {
    offset = aligned(offset, 8);
    const code = bytes.readUInt8(offset);
    const kind = bytes.toString('latin1', offset + 2, offset + 2 + bytes.readUInt8(offset + 1));
    offset += 3 + kind.length;
    if (kind === 'g') {
      const length = bytes.readUInt8(offset);
      if (code === field.signature) signature = bytes.toString('latin1', offset + 1, offset + 1 + length);
      offset += length + 2;
      continue;
    }
    offset = aligned(offset, 4);
    const value = bytes.readUInt32LE(offset);
    offset += 4;
    if (kind === 'u') {
      if (code === field.replySerial) replySerial = value;
      continue;
    }
    if (code === field.errorName) errorName = bytes.toString('utf8', offset, offset + value);
    offset += value + 1;
  }
  const body = bytes.subarray(aligned(fieldsEnd, 8));
  const text = signature.startsWith('s') ? body.toString('utf8', 4, 4 + body.readUInt32LE(0)) : '';
  return { type: bytes.readUInt8(1), replySerial, errorName, text };
}

function aligned(offset: number, boundary: number): number {
  return Math.ceil(offset / boundary) * boundary;
}

class Writer {
  #bytes = Buffer.alloc(0);

  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  align(boundary: number): void {
    this.#append(Buffer.alloc(aligned(this.length, boundary) - this.length));
  }

  byte(value: number): void {
    this.#append(Buffer.from([value]));
  }

  string(text: string): void {
    this.align(4);
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    this.#append(length, bytes, Buffer.alloc(1));
  }

  signature(text: string): void {
    this.#append(Buffer.from([text.length]), Buffer.from(text), Buffer.alloc(1));
  }

  #append(...parts: Buffer[]): void {
    this.#bytes = Buffer.concat([this.#bytes, ...parts]);
  }
}
