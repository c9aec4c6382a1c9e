/** What stood in the way of a connection, in the words of Go's net package, which Docker's clients know. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { messageOf } from '#base/errors/failure.ts';

const dialWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENETUNREACH: 'network is unreachable',
  EHOSTUNREACH: 'no route to host',
  ECONNRESET: 'connection reset by peer',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
};

const certificateWords: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

/** `dial tcp 127.0.0.1:1: connect: connection refused` and the like, without the request. */
export function describeNetworkError(error: unknown, host: string): string {
  const cause = firstCause(error);
  const code = field(cause, 'code');
  const address = field(cause, 'address');
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host} on ${nameServer()}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${host} on ${nameServer()}: server misbehaving`;
  const words = dialWords[code];
  if (words !== undefined && field(cause, 'syscall') === 'connect') return `dial tcp ${endpoint(address, field(cause, 'port'))}: connect: ${words}`;
  if (code === 'ETIMEDOUT') return `dial tcp ${endpoint(address === '' ? host : address, field(cause, 'port'))}: i/o timeout`;
  if (code === 'ECONNRESET' && /socket (hang up|disconnected)/i.test(messageOf(cause))) return 'EOF';
  if (code === 'ECONNRESET') return 'read: connection reset by peer';
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') return 'http: server gave HTTP response to HTTPS client';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `tls: failed to verify certificate: x509: certificate is not valid for ${host}`;
  const certificate = certificateWords[code];
  return certificate === undefined ? messageOf(cause) : `tls: failed to verify certificate: x509: ${certificate}`;
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
