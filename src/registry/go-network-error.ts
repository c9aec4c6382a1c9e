/** What stood in the way of a connection, in the words of Go's net package, which Docker's clients know. */
import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { messageOf } from '#base/errors/failure.ts';
import { dialWords } from '#base/go-dial-words.ts';
import { tlsFaultWords } from '#base/go-tls-words.ts';

export interface NetworkErrorContext {
  /** The connection went to a proxy. */
  readonly proxied?: boolean;
  /** Bytes of headers that are read. */
  readonly largestHead?: number;
  /** What the server has shown. */
  readonly certificate?: X509Certificate | undefined;
}

/** `dial tcp 127.0.0.1:1: connect: connection refused` and the like, without the request. */
export function describeNetworkError(error: unknown, host: string, context: NetworkErrorContext = {}): string {
  const words = describe(error, host, context);
  return context.proxied === true && words.startsWith('dial tcp') ? `proxyconnect tcp: ${words}` : words;
}

function describe(error: unknown, host: string, { largestHead = 0, certificate }: NetworkErrorContext): string {
  const cause = firstCause(error);
  const code = field(cause, 'code');
  if (code === 'ERR_PROXY_TUNNEL') return tunnelWords(messageOf(cause));
  if (code === 'HPE_HEADER_OVERFLOW') return `net/http: server response headers exceeded ${largestHead} bytes; aborted`;
  if (code.startsWith('HPE_')) return `net/http: HTTP/1.x transport connection broken: malformed HTTP response: ${messageOf(cause).replace(/^Parse Error: /, '')}`;
  const address = field(cause, 'address');
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host} on ${nameServer()}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${host} on ${nameServer()}: server misbehaving`;
  const words = dialWords[code];
  if (words !== undefined && field(cause, 'syscall') === 'connect') return `dial tcp ${endpoint(address, field(cause, 'port'))}: connect: ${words}`;
  if (code === 'ETIMEDOUT') return `dial tcp ${endpoint(address === '' ? host : address, field(cause, 'port'))}: i/o timeout`;
  if (code === 'ECONNRESET' && /socket (hang up|disconnected)/i.test(messageOf(cause))) return 'EOF';
  if (code === 'ECONNRESET') return 'read: connection reset by peer';
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') return 'http: server gave HTTP response to HTTPS client';
  return tlsFaultWords(cause, host, certificate) ?? messageOf(cause);
}

/** Go tells the status line's reason. */
function tunnelWords(message: string): string {
  const [, status = ''] = /HTTP\/1\.\d \d{3} ([^\r\n"]+)/.exec(message) ?? [];
  return status === '' ? message : status.trim();
}

/** Of several addresses that were tried, the IPv4 one: it is what people know a host by. */
function firstCause(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const errors: unknown[] = error.errors;
  return errors.find((each) => isIP(field(each, 'address')) === 4) ?? errors[0] ?? error;
}

function field(error: unknown, name: 'code' | 'address' | 'port' | 'syscall'): string {
  if (typeof error !== 'object' || error === null || !(name in error)) return '';
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function endpoint(address: string, port: string): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Of the resolver, as Go names it. */
function nameServer(): string {
  let text: string;
  try {
    text = readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    // Without the file the resolver asks this machine.
    text = '';
  }
  const server = /^\s*nameserver\s+(\S+)/m.exec(text)?.[1] ?? '127.0.0.1';
  return endpoint(server, '53');
}
