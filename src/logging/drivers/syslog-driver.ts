/** The syslog driver: RFC 3164 and 5424 over UDP, TCP, TLS and unix sockets, formatted as Docker's (srslog) does. */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { failedWith } from '#kernel/failed-with.ts';
import { UnixDatagramSocket } from '#kernel/unix-datagram.ts';
import { systemLogSockets } from '#kernel/system-log.ts';
import { DatagramConnection } from './datagram-connection.ts';
import { tagOf } from './log-attributes.ts';
import type { LogDriver, LogInfo, LogMessage, LogSink } from './log-driver.ts';
import { readInteger, refuse, refuseUnknown } from './refuse.ts';
import { StreamConnection } from './stream-connection.ts';
import { formatSyslog, type SyslogFormat } from './syslog-format.ts';
import { tlsOptions } from './tls-options.ts';
import { parseUrl } from './url-address.ts';

type Options = Readonly<Record<string, string>>;

const known: ReadonlySet<string> = new Set(['syslog-address', 'syslog-facility', 'syslog-tls-ca-cert', 'syslog-tls-cert', 'syslog-tls-key', 'syslog-tls-skip-verify', 'syslog-format']);
const facilities = ['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'];
const firstLocalFacility = 16;
const daemonFacility = 3;
const formats: ReadonlySet<string> = new Set(['', 'rfc3164', 'rfc5424', 'rfc5424micro']);
const defaultPort = 514;
const severity = { stdout: 6, stderr: 3 } as const;

export const syslogDriver: LogDriver = {
  validate(options) {
    refuseUnknown(options, known, (name) => `unknown log opt '${name}' for syslog log driver`);
    addressOf(options);
    facilityOf(options);
    formatOf(options);
  },

  async open(info, signal) {
    const { options } = info;
    const tag = tagOf(info);
    const address = addressOf(options);
    const facility = facilityOf(options);
    const format = formatOf(options);
    const send = await connectTo(address, options, signal);
    const lengths = address?.kind === 'tls' && format.startsWith('rfc5424');
    const frame = (message: LogMessage): Buffer => {
      const text = formatSyslog(format, { priority: facility * 8 + severity[message.stream], tag, hostname: hostname(), time: message.time, content: message.line });
      return lengths ? Buffer.concat([Buffer.from(`${text.length} `), text]) : text;
    };
    return {
      async send(messages, limit) {
        const wanted = messages.filter(({ line }) => line.length > 0).map(frame);
        if (wanted.length > 0) await send.write(wanted, limit);
      },
      close: send.close,
    } satisfies LogSink;
  },
};

type Address =
  | { readonly kind: 'unix' | 'unixgram'; readonly path: string }
  | { readonly kind: 'udp' | 'tcp' | 'tls'; readonly host: string; readonly port: number };

/** Undefined: this machine's system log. */
function addressOf(options: Options): Address | undefined {
  const text = options['syslog-address'] ?? '';
  if (text === '') return undefined;
  const url = parseUrl(text);
  if (url.scheme === 'unix' || url.scheme === 'unixgram') {
    if (statSync(url.path, { throwIfNoEntry: false }) === undefined) throw refuse(`stat ${url.path}: no such file or directory`);
    return { kind: url.scheme, path: url.path };
  }
  const kind = url.scheme === 'tcp+tls' ? 'tls' : url.scheme;
  if (kind !== 'udp' && kind !== 'tcp' && kind !== 'tls') throw refuse(`unsupported scheme: '${url.scheme}'`);
  return { kind, host: url.hostname, port: url.port === '' ? defaultPort : Number(url.port) };
}

function facilityOf(options: Options): number {
  const text = options['syslog-facility'] ?? '';
  if (text === '') return daemonFacility;
  const named = facilities.indexOf(text);
  if (named !== -1) return named;
  const local = /^local([0-7])$/.exec(text);
  if (local !== null) return firstLocalFacility + Number(local[1]);
  const number = readInteger(text);
  if (number === undefined || number < 0 || number > 23) throw refuse('invalid syslog facility');
  return number;
}

function formatOf(options: Options): SyslogFormat {
  const text = options['syslog-format'] ?? '';
  if (!formats.has(text)) throw refuse('Invalid syslog format');
  return text as SyslogFormat;
}

interface Outlet {
  write(frames: readonly Buffer[], signal: AbortSignal): Promise<void>;
  close(): void;
}

async function connectTo(address: Address | undefined, options: LogInfo['options'], signal: AbortSignal): Promise<Outlet> {
  if (address === undefined) return connectToSystemLog(signal);
  if ('path' in address) return address.kind === 'unix' ? streamOutlet(await StreamConnection.open({ path: address.path }, signal)) : datagramOutlet(openDatagrams(address.path));
  if (address.kind === 'udp') {
    const connection = await DatagramConnection.open(address.host, address.port);
    return {
      async write(frames) {
        for (const bytes of frames) await connection.send(bytes);
      },
      close: () => connection.close(),
    };
  }
  const tls = address.kind === 'tls'
    ? tlsOptions({ ca: options['syslog-tls-ca-cert'], certificate: options['syslog-tls-cert'], key: options['syslog-tls-key'], skipVerify: options['syslog-tls-skip-verify'] !== undefined })
    : undefined;
  return streamOutlet(await StreamConnection.open({ host: address.host === '' ? '127.0.0.1' : address.host, port: address.port, tls }, signal));
}

/** As C libraries do: the first of the usual sockets that takes a connection. */
async function connectToSystemLog(signal: AbortSignal): Promise<Outlet> {
  for (const path of systemLogSockets) {
    try {
      return datagramOutlet(new UnixDatagramSocket(path));
    } catch (error) {
      if (!failedWith(error, 'ENOENT', 'ECONNREFUSED', 'EPROTOTYPE', 'EACCES', 'ENOTSOCK')) throw error;
      if (!failedWith(error, 'EPROTOTYPE')) continue;
    }
    return streamOutlet(await StreamConnection.open({ path }, signal));
  }
  throw refuse('Unix syslog delivery error');
}

function openDatagrams(path: string): UnixDatagramSocket {
  try {
    return new UnixDatagramSocket(path);
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ECONNREFUSED', 'EPROTOTYPE')) throw refuse(`dial unixgram ${path}: connect: ${failedWith(error, 'ENOENT') ? 'no such file or directory' : failedWith(error, 'EPROTOTYPE') ? 'protocol wrong type for socket' : 'connection refused'}`);
    throw error;
  }
}

function datagramOutlet(socket: UnixDatagramSocket): Outlet {
  return {
    async write(frames, signal) {
      for (const bytes of frames) await socket.send(bytes, signal);
    },
    close: () => socket[Symbol.dispose](),
  };
}

function streamOutlet(connection: StreamConnection): Outlet {
  return { write: async (frames, signal) => connection.write(Buffer.concat(frames), signal), close: () => connection.close() };
}
