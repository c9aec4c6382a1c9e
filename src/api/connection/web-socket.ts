/**
 * The server's side of a WebSocket (RFC 6455) as a stream of bytes, for `attach/ws`: what is written goes as one
 * message each, what messages carry is read. Pings are answered; a client's close ends both directions.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const finalBit = 0x80;
const maskBit = 0x80;
const normalClosure = Buffer.from([0x03, 0xe8]);
const streamHeader = 8;
/** Bytes of one frame; what attached clients type is less. */
const longestFrame = 16 * 1024 * 1024;
/** Milliseconds for what a client wrote before its close to reach the process. */
const farewell = 100;

/** What is wrong with a request for a WebSocket, in the words of Docker's library; undefined: nothing. */
export function handshakeProblem(method: string, headers: IncomingHttpHeaders, asked: boolean): string | undefined {
  if (method !== 'GET') return 'bad request method';
  if (!asked) return 'not websocket protocol';
  if ((headers['sec-websocket-key'] ?? '') === '') return 'mismatch challenge/response';
  if (headers['sec-websocket-version'] !== '13') return 'missing or bad WebSocket Version';
  return undefined;
}

/** The head of the answer that opens the socket. */
export function handshakeAnswer(headers: IncomingHttpHeaders): string {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key'] ?? ''}${guid}`).digest('base64');
  const protocol = headers['sec-websocket-protocol'];
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  if (protocol !== undefined && !protocol.includes(',')) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export interface WebSocketOptions {
  /** Messages are binary, or text. */
  readonly binary: boolean;
  /** What is written has the attach stream's frames, which a WebSocket's messages take the place of. */
  readonly framed: boolean;
}

export class WebSocketStream extends Duplex {
  readonly #socket: Socket;
  readonly #opcode: number;
  readonly #framed: boolean;
  #received: Buffer = Buffer.alloc(0);
  #unwritten: Buffer = Buffer.alloc(0);
  #closing = false;

  constructor(socket: Socket, { binary, framed }: WebSocketOptions) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#opcode = binary ? opcode.binary : opcode.text;
    this.#framed = framed;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => this.#leave());
    socket.on('close', () => this.destroy());
    socket.on('error', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const messages = this.#framed ? this.#unframe(chunk) : [chunk];
    if (messages.length === 0) return done();
    this.#socket.write(Buffer.concat(messages.map((message) => frame(this.#opcode, message))), () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sendClose();
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  /** The contents of whole frames of the attach stream; the rest waits for more. */
  #unframe(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let bytes = this.#unwritten.length === 0 ? chunk : Buffer.concat([this.#unwritten, chunk]);
    while (bytes.length >= streamHeader) {
      const end = streamHeader + bytes.readUInt32BE(4);
      if (bytes.length < end) break;
      messages.push(bytes.subarray(streamHeader, end));
      bytes = bytes.subarray(end);
    }
    this.#unwritten = bytes;
    return messages;
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    for (let message = this.#nextFrame(); message !== undefined; message = this.#nextFrame()) {
      switch (message.opcode) {
        case opcode.continuation:
        case opcode.text:
        case opcode.binary:
          if (!this.#closing && message.payload.length > 0 && !this.push(message.payload)) this.#socket.pause();
          break;
        case opcode.ping:
          this.#socket.write(frame(opcode.pong, message.payload));
          break;
        case opcode.close:
          this.#leave();
      }
    }
  }

  /** Undefined: not whole yet. */
  #nextFrame(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    const short = second & 0x7f;
    const start = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((second & maskBit) === 0 ? 0 : 4);
    if (bytes.length < start) return undefined;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (length > longestFrame) {
      this.destroy();
      return undefined;
    }
    if (bytes.length < start + length) return undefined;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if ((second & maskBit) !== 0) for (let at = 0; at < length; at++) payload[at] = (payload[at] ?? 0) ^ (bytes[start - 4 + (at & 3)] ?? 0);
    this.#received = bytes.subarray(start + length);
    return { opcode: first & 0x0f, payload };
  }

  /** The client has nothing more to say and reads nothing more. */
  #leave(): void {
    if (this.#closing) return;
    this.#sendClose();
    this.push(null);
    setTimeout(() => this.destroy(), farewell).unref();
  }

  #sendClose(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#socket.writable) this.#socket.write(frame(opcode.close, normalClosure));
  }
}

function frame(kind: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  head[0] = finalBit | kind;
  if (length < 126) head[1] = length;
  else if (length < 0x10000) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}
