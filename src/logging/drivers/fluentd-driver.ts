/** The fluentd driver: the forward protocol's message mode over TCP, TLS or a unix socket, with acknowledgements where asked for. */
import { randomBytes } from 'node:crypto';
import { formatGoDuration } from '#base/go-duration-text.ts';
import { parseBinarySize } from '#base/parse-size.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { extraAttributes, tagOf } from './log-attributes.ts';
import type { LogDriver, LogMessage, LogSink } from './log-driver.ts';
import { packArray, packMap, packText, packTime, readAcknowledgement } from './message-pack.ts';
import { readBoolean, readDuration, refuse, refuseUnknown, refusing } from './refuse.ts';
import { StreamConnection, type StreamAddress } from './stream-connection.ts';
import { parseUrl } from './url-address.ts';

type Options = Readonly<Record<string, string>>;

const known: ReadonlySet<string> = new Set([
  'fluentd-address', 'fluentd-async', 'fluentd-async-reconnect-interval', 'fluentd-buffer-limit', 'fluentd-max-retries', 'fluentd-request-ack',
  'fluentd-retry-wait', 'fluentd-sub-second-precision', 'fluentd-write-timeout',
]);
const defaultHost = '127.0.0.1';
const defaultPort = 24_224;
const shortestReconnect = 100_000_000n;
const longestReconnect = 10_000_000_000n;

interface Settings {
  readonly address: StreamAddress;
  readonly async: boolean;
  readonly precise: boolean;
  readonly acknowledged: boolean;
  /** Milliseconds; 0: no limit. */
  readonly writeTimeout: number;
}

export const fluentdDriver: LogDriver = {
  validate(options) {
    refuseUnknown(options, known, (name) => `unknown log opt '${name}' for fluentd log driver`);
    settingsOf(options);
  },

  async open(info, signal) {
    const settings = settingsOf(info.options);
    const tag = packText(tagOf(info));
    const common: (readonly [string, string])[] = [
      ['container_id', info.containerId],
      ['container_name', info.containerName],
    ];
    const attributes = Object.entries(extraAttributes(info));
    // Asynchronous: the container starts whether or not there is a server; what it writes waits on disk.
    let connection = settings.async ? undefined : await StreamConnection.open(settings.address, signal);
    return {
      async send(messages, limit) {
        connection ??= await StreamConnection.open(settings.address, limit);
        const bounded = settings.writeTimeout === 0 ? limit : AbortSignal.any([limit, AbortSignal.timeout(settings.writeTimeout)]);
        const encode = (message: LogMessage, option: Buffer): Buffer =>
          packArray([tag, packTime(message.time, settings.precise), packMap(recordOf(message, [...common, ...attributes])), option]);
        if (!settings.acknowledged) return connection.write(Buffer.concat(messages.map((message) => encode(message, packMap([])))), bounded);
        for (const message of messages) {
          const chunk = randomBytes(16).toString('base64');
          await connection.write(encode(message, packMap([['chunk', chunk]])), bounded);
          await connection.receive((bytes) => readAck(bytes, chunk), bounded);
        }
      },
      close: () => connection?.close(),
    } satisfies LogSink;
  },
};

/** @throws Error when the server acknowledges something else */
function readAck(bytes: Buffer, chunk: string): number {
  const answer = readAcknowledgement(bytes);
  if (answer === undefined) return 0;
  if (answer.text !== chunk) throw new Error(`the fluentd server acknowledged ${quoteText(answer.text)} instead of ${quoteText(chunk)}`);
  return answer.length;
}

function recordOf(message: LogMessage, common: readonly (readonly [string, string])[]): (readonly [string, Buffer | string])[] {
  const { partial } = message;
  const entries = new Map<string, Buffer | string>([['source', message.stream], ['log', message.line]]);
  for (const [key, value] of common) entries.set(key, value);
  if (partial !== undefined) {
    entries.set('partial_message', 'true').set('partial_id', partial.id).set('partial_ordinal', String(partial.ordinal)).set('partial_last', String(partial.last));
  }
  return [...entries];
}

function settingsOf(options: Options): Settings {
  const value = (name: string): string | undefined => (options[name] === '' ? undefined : options[name]);
  const flag = (name: string): boolean => {
    const text = value(name);
    return text !== undefined && readBoolean(text);
  };
  const written = options['fluentd-address'] ?? '';
  const address = refusing(() => addressOf(written), `invalid fluentd-address (${written}): `);
  const limit = value('fluentd-buffer-limit');
  if (limit !== undefined) refusing(() => parseBinarySize(limit));
  const wait = value('fluentd-retry-wait');
  if (wait !== undefined) readDuration(wait);
  const retries = value('fluentd-max-retries');
  if (retries !== undefined) checkRetries(retries);
  const async = flag('fluentd-async');
  const interval = value('fluentd-async-reconnect-interval');
  if (interval !== undefined) checkInterval(interval);
  const precise = flag('fluentd-sub-second-precision');
  const acknowledged = flag('fluentd-request-ack');
  return { address, async, precise, acknowledged, writeTimeout: writeTimeoutOf(value('fluentd-write-timeout')) };
}

function checkRetries(text: string): void {
  if (!/^\d+$/.test(text)) throw refuse(`strconv.ParseUint: parsing ${quoteText(text)}: invalid syntax`);
  if (BigInt(text) > 0xffff_ffffn) throw refuse(`strconv.ParseUint: parsing ${quoteText(text)}: value out of range`);
  if (BigInt(text) > 0x7fff_ffffn) throw refuse('invalid fluentd-max-retries: value out of range');
}

function checkInterval(text: string): void {
  const interval = refusing(() => readDuration(text), 'invalid value for fluentd-async-reconnect-interval: ');
  if (interval === 0n || (interval >= shortestReconnect && interval <= longestReconnect)) return;
  throw refuse(`invalid value for fluentd-async-reconnect-interval: value (${quoteText(formatGoDuration(Number(interval)))}) must be between 100ms and 10s`);
}

function writeTimeoutOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const timeout = refusing(() => readDuration(text), 'invalid value for fluentd-write-timeout: value must be a duration: ');
  if (timeout < 0n) throw refuse('invalid value for fluentd-write-timeout: value must be a duration that is non-negative');
  return Number(timeout / 1_000_000n);
}

function addressOf(written: string): StreamAddress {
  if (written === '') return { host: defaultHost, port: defaultPort };
  const url = parseUrl(written.includes('://') ? written : `tcp://${written}`);
  if (url.scheme === 'unix') {
    if (url.path.replace(/^\/+/, '') === '') throw refuse('path is empty');
    return { path: url.path };
  }
  if (url.scheme !== 'tcp' && url.scheme !== 'tls') throw refuse(`unsupported scheme: '${url.scheme}'`);
  if (url.path !== '') throw refuse('should not contain a path element');
  if (url.port !== '' && Number(url.port) > 0xffff) throw refuse(`invalid port: strconv.ParseUint: parsing ${quoteText(url.port)}: value out of range`);
  const host = url.hostname === '' ? defaultHost : url.hostname;
  return { host, port: url.port === '' ? defaultPort : Number(url.port), ...(url.scheme === 'tls' && { tls: { servername: host } }) };
}
