/** Where a daemon listens: `unix://path`, `tcp://host:port` or `fd://` (sockets systemd has opened). */
import { isIP } from 'node:net';
import { fail } from '#base/errors/failure.ts';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** `which`: a descriptor's number as systemd counts them from 3; undefined: all it passed. */
  | { readonly kind: 'fd'; readonly which: number | undefined };

/** Ports of Docker without and with TLS. */
const defaultPort = 2375;
const defaultTlsPort = 2376;

/** @param defaultSocket path for `unix://` without one; `tls` decides the port of a TCP address without one. @throws api.invalid_parameter with Docker's texts */
export function parseListenAddress(text: string, defaultSocket: string, { tls } = { tls: false }): ListenAddress {
  const address = text.trim();
  const invalid = (reason: string): Error => fail('api.invalid_parameter', { message: `invalid bind address (${address}): ${reason}` });
  if (address === '') return { kind: 'unix', path: defaultSocket };
  const mark = address.indexOf('://');
  const [protocol, rest] = mark < 0 ? ['tcp', address] : [address.slice(0, mark), address.slice(mark + 3)];
  switch (protocol) {
    case 'unix':
      if (rest.includes('://')) throw invalid(`invalid unix address: ${rest}`);
      return { kind: 'unix', path: rest === '' ? defaultSocket : rest };
    case 'tcp':
      return parseTcp(rest, tls ? defaultTlsPort : defaultPort, invalid);
    case 'fd':
      if (rest === '' || rest === '*') return { kind: 'fd', which: undefined };
      if (!/^\d+$/.test(rest)) throw invalid(`${JSON.stringify(rest)} is no file descriptor`);
      return { kind: 'fd', which: Number(rest) };
    default:
      throw invalid(`unsupported proto '${protocol}'`);
  }
}

function parseTcp(text: string, standard: number, invalid: (reason: string) => Error): ListenAddress {
  if (text.includes('/')) throw invalid('should not contain a path element');
  const [, bracketed, plain, portText] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text) ?? [];
  if (bracketed === undefined && plain === undefined) throw invalid('too many colons in address');
  if (bracketed !== undefined && isIP(bracketed.replace(/%.*$/, '')) !== 6) throw invalid(`invalid IPv6 address: ${bracketed}`);
  const port = portText === undefined || portText === '' ? standard : Number(portText);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid(`invalid port: ${portText}`);
  const host = bracketed ?? plain ?? '';
  return { kind: 'tcp', host: host === '' ? 'localhost' : host, port };
}

/** The address as users write it. */
export function formatListenAddress(address: ListenAddress): string {
  switch (address.kind) {
    case 'unix':
      return `unix://${address.path}`;
    case 'tcp':
      return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
    case 'fd':
      return `fd://${address.which ?? ''}`;
  }
}
