/** The options of the fluentd driver, read and refused as Docker does. */
import { isIP } from 'node:net';
import { formatGoDuration } from '#base/go-duration-text.ts';
import { parseBinarySize } from '#base/parse-size.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { readBoolean, readDuration, refuse, refusing } from './refuse.ts';
import type { StreamAddress } from './stream-connection.ts';
import { parseUrl } from './url-address.ts';

type Options = Readonly<Record<string, string>>;

export const fluentdOptions: ReadonlySet<string> = new Set([
  'fluentd-address', 'fluentd-async', 'fluentd-async-reconnect-interval', 'fluentd-buffer-limit', 'fluentd-max-retries', 'fluentd-request-ack',
  'fluentd-retry-wait', 'fluentd-sub-second-precision', 'fluentd-write-timeout',
]);
const defaultHost = '127.0.0.1';
const defaultPort = 24_224;
const shortestReconnect = 100_000_000n;
const longestReconnect = 10_000_000_000n;
/** What Docker's library takes a zero for. */
const standardRetries = 13;
const standardRetryWait = 500;
const standardWaiting = 8192;

export interface FluentdSettings {
  readonly address: StreamAddress;
  readonly async: boolean;
  readonly precise: boolean;
  readonly acknowledged: boolean;
  /** Milliseconds; 0: no limit. */
  readonly writeTimeout: number;
  /** Milliseconds after which a connection is made anew; 0: never. */
  readonly reconnectInterval: number;
  /** Milliseconds; undefined: not given. */
  readonly retryWait: number | undefined;
  /** Tries to connect after the first; undefined: not given, no limit. */
  readonly retries: number | undefined;
  /** Messages that may wait; undefined: not given, or not asynchronous. */
  readonly waiting: number | undefined;
}

/** @throws logging.driver_refused */
export function fluentdSettings(options: Options): FluentdSettings {
  const value = (name: string): string | undefined => (options[name] === '' ? undefined : options[name]);
  const flag = (name: string): boolean => {
    const text = value(name);
    return text !== undefined && readBoolean(text);
  };
  const written = options['fluentd-address'] ?? '';
  const address = refusing(() => addressOf(written), `invalid fluentd-address (${written}): `);
  const limitText = value('fluentd-buffer-limit');
  const limit = limitText === undefined ? undefined : refusing(() => parseBinarySize(limitText));
  const waitText = value('fluentd-retry-wait');
  const retryWait = waitText === undefined ? undefined : Number(readDuration(waitText) / 1_000_000n) || standardRetryWait;
  const retriesText = value('fluentd-max-retries');
  // Docker's library counts the tries, the first included.
  const retries = retriesText === undefined ? undefined : (readRetries(retriesText) || standardRetries) - 1;
  const async = flag('fluentd-async');
  const interval = value('fluentd-async-reconnect-interval');
  const reconnectInterval = interval === undefined ? 0 : readInterval(interval);
  const precise = flag('fluentd-sub-second-precision');
  const acknowledged = flag('fluentd-request-ack');
  const waiting = async && limit !== undefined ? limit || standardWaiting : undefined;
  return { address, async, precise, acknowledged, writeTimeout: writeTimeoutOf(value('fluentd-write-timeout')), reconnectInterval, retryWait, retries, waiting };
}

function readRetries(text: string): number {
  if (!/^\d+$/.test(text)) throw refuse(`strconv.ParseUint: parsing ${quoteText(text)}: invalid syntax`);
  if (BigInt(text) > 0xffff_ffffn) throw refuse(`strconv.ParseUint: parsing ${quoteText(text)}: value out of range`);
  if (BigInt(text) > 0x7fff_ffffn) throw refuse('invalid fluentd-max-retries: value out of range');
  return Number(text);
}

/** Milliseconds. */
function readInterval(text: string): number {
  const interval = refusing(() => readDuration(text), 'invalid value for fluentd-async-reconnect-interval: ');
  if (interval === 0n || (interval >= shortestReconnect && interval <= longestReconnect)) return Number(interval / 1_000_000n);
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
  // The name for the server's certificate cannot be an address.
  const tls = isIP(host) === 0 ? { servername: host } : {};
  return { host, port: url.port === '' ? defaultPort : Number(url.port), ...(url.scheme === 'tls' && { tls }) };
}
