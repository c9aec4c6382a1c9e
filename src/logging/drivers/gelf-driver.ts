/** The gelf driver: Graylog's GELF 1.1 over UDP (chunked, compressed) and TCP (ended by NUL). */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import { quoteText } from '#base/template/go-quote.ts';
import { messageOf } from '#base/errors/failure.ts';
import { DatagramConnection } from './datagram-connection.ts';
import { goJson } from './go-json-text.ts';
import { commandOf, extraAttributes, tagOf } from './log-attributes.ts';
import type { LogDriver, LogInfo, LogMessage, LogSink, Warn } from './log-driver.ts';
import { readInteger, refuse, refuseUnknown } from './refuse.ts';
import { StreamConnection } from './stream-connection.ts';
import { parseUrl, type UrlAddress } from './url-address.ts';

type Options = Readonly<Record<string, string>>;

const known: ReadonlySet<string> = new Set(['gelf-address', 'gelf-compression-level', 'gelf-compression-type', 'gelf-tcp-max-reconnect', 'gelf-tcp-reconnect-delay']);
const compressionTypes: ReadonlySet<string> = new Set(['gzip', 'zlib', 'none']);
const level = { stdout: 6, stderr: 3 } as const;
/** Bytes of a datagram, and of what it carries behind the header of a chunk. */
const chunkSize = 1420;
const chunkContent = chunkSize - 12;
const mostChunks = 128;
/** What Docker's library uses where no level is asked for. */
const fastest = 1;

/** Seconds between tries to connect again. */
const standardDelay = 1;

const compressGzip = promisify(gzip);
const compressZlib = promisify(deflate);

export const gelfDriver: LogDriver = {
  validate(options) {
    const { scheme } = addressOf(options);
    for (const [name, value] of Object.entries(options)) checkOption(name, value, scheme);
    refuseUnknown(options, known, (name) => `unknown log opt ${quoteText(name)} for gelf log driver`);
  },

  /** Docker gives a message up after three tries by default; here that takes the option. */
  patience(options) {
    const tries = readInteger(options['gelf-tcp-max-reconnect'] ?? '');
    const delay = readInteger(options['gelf-tcp-reconnect-delay'] ?? '');
    return tries === undefined && delay === undefined ? undefined : { tries, pause: () => (delay ?? standardDelay) * 1000 };
  },

  async open(info, signal, warn) {
    const address = addressOf(info.options);
    const extra: Record<string, string> = {
      _container_id: info.containerId,
      _container_name: info.containerName.replace(/^\//, ''),
      _image_id: info.imageId,
      _image_name: info.imageName,
      _command: commandOf(info),
      _tag: tagOf(info),
      _created: info.created,
      ...extraAttributes(info, (key) => (key.startsWith('_') ? key : `_${key}`)),
    };
    const fields = Object.entries(extra).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${goJson(key)}:${goJson(value)}`).join(',');
    const encode = (message: LogMessage): Buffer => {
      const timestamp = Number(message.time / 1_000_000n) / 1000;
      return Buffer.from(`{"version":"1.1","host":${goJson(hostname())},"short_message":${goJson(message.line.toString())},"timestamp":${timestamp},"level":${level[message.stream]},${fields}}`);
    };
    const wanted = (messages: readonly LogMessage[]): Buffer[] => messages.filter(({ line }) => line.length > 0).map(encode);
    return address.scheme === 'udp' ? openDatagrams(address, info, wanted, warn) : openStream(address, wanted, signal);
  },
};

type Encode = (messages: readonly LogMessage[]) => Buffer[];

async function openStream(address: UrlAddress, encode: Encode, signal: AbortSignal): Promise<LogSink> {
  const connection = await connected(address, () => StreamConnection.open({ host: address.hostname, port: Number(address.port) }, signal));
  return {
    async send(messages, limit) {
      const wanted = encode(messages);
      if (wanted.length > 0) await connection.write(Buffer.concat(wanted.flatMap((bytes) => [bytes, Buffer.from([0])])), limit);
    },
    close: () => connection.close(),
  };
}

async function openDatagrams(address: UrlAddress, { options, containerId }: LogInfo, encode: Encode, warn: Warn | undefined): Promise<LogSink> {
  const connection = await connected(address, () => DatagramConnection.open(address.hostname, Number(address.port)));
  const type = options['gelf-compression-type'] ?? 'gzip';
  const compression = { level: readInteger(options['gelf-compression-level'] ?? '') ?? fastest };
  return {
    async send(messages) {
      for (const bytes of encode(messages)) {
        const packed = type === 'gzip' ? await compressGzip(bytes, compression) : type === 'zlib' ? await compressZlib(bytes, compression) : bytes;
        const datagrams = chunksOf(packed);
        if (datagrams.length === 0) warn?.(`a message of container ${containerId} was not sent: its ${packed.length} bytes do not fit into the ${mostChunks} datagrams that GELF allows over UDP; use tcp:// in gelf-address for such messages`);
        for (const datagram of datagrams) await connection.send(datagram);
      }
    },
    close: () => connection.close(),
  };
}

async function connected<T>(address: UrlAddress, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw refuse(`gelf: cannot connect to GELF endpoint: ${address.host} ${messageOf(error)}`);
  }
}

/** What is longer than a datagram goes in up to 128 of them; what is longer still cannot be sent by this protocol. */
export function chunksOf(message: Buffer): Buffer[] {
  if (message.length <= chunkSize) return [message];
  const count = Math.ceil(message.length / chunkContent);
  if (count > mostChunks) return [];
  const id = randomBytes(8);
  return Array.from({ length: count }, (_, number) =>
    Buffer.concat([Buffer.from([0x1e, 0x0f]), id, Buffer.from([number, count]), message.subarray(number * chunkContent, (number + 1) * chunkContent)]),
  );
}

function addressOf(options: Options): UrlAddress {
  const text = options['gelf-address'] ?? '';
  if (text === '') throw refuse('gelf-address is a required parameter');
  const url = parseUrl(text);
  if (url.scheme !== 'udp' && url.scheme !== 'tcp') throw refuse('gelf: endpoint needs to be TCP or UDP');
  if (!/:\d*$/.test(url.host)) throw refuse('gelf: please provide gelf-address as proto://host:port');
  return url;
}

function checkOption(name: string, value: string, scheme: string): void {
  const unknownValue = (): Error => refuse(`unknown value ${quoteText(value)} for log opt ${quoteText(name)} for gelf log driver`);
  switch (name) {
    case 'gelf-compression-level': {
      if (scheme !== 'udp') throw refuse('compression is only supported on UDP');
      const number = readInteger(value);
      if (number === undefined || number < -1 || number > 9) throw unknownValue();
      break;
    }
    case 'gelf-compression-type':
      if (scheme !== 'udp') throw refuse('compression is only supported on UDP');
      if (!compressionTypes.has(value)) throw unknownValue();
      break;
    case 'gelf-tcp-max-reconnect':
    case 'gelf-tcp-reconnect-delay': {
      if (scheme !== 'tcp') throw refuse(`${quoteText(name)} is only valid for TCP`);
      const number = readInteger(value);
      if (number === undefined || number < 0) throw refuse(`${quoteText(name)} must be a positive integer`);
      break;
    }
  }
}
