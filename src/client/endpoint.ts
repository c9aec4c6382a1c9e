/** Where a daemon listens. */

import type { Connection } from './connection.ts';

/** What TLS needs, as PEM texts; `verify` false accepts any server. */
export interface TlsMaterial {
  readonly authority?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly verify: boolean;
}

export type Endpoint =
  | { readonly kind: 'unix'; readonly address: string; readonly path: string }
  | { readonly kind: 'tcp'; readonly address: string; readonly host: string; readonly port: number; readonly basePath: string; readonly tls?: TlsMaterial | undefined }
  /** `base` stands for the address in requests. Made by whoever knows how; a connection that cannot be made breaks with the reason. */
  | { readonly kind: 'dialed'; readonly address: string; readonly base: string; readonly dial: () => Connection };

export const defaultSocketPath = '/run/dhow/docker.sock';

/** The endpoint of an address such as `unix:///run/dhow/docker.sock` or `tcp://10.0.0.1:2375`. @throws Error with Docker's texts */
export function parseEndpoint(text: string, tls?: TlsMaterial): Endpoint {
  const trimmed = text.trim();
  if (trimmed === '') {
    if (tls !== undefined) return parseTcp('localhost:2376', trimmed, tls);
    return unixEndpoint(defaultSocketPath);
  }
  const cut = trimmed.indexOf('://');
  const protocol = cut < 0 ? 'tcp' : trimmed.slice(0, cut);
  const rest = cut < 0 ? trimmed : trimmed.slice(cut + 3);
  if (protocol === 'unix') {
    if (rest.includes('://')) throw new Error(`invalid proto, expected unix: ${rest}`);
    return unixEndpoint(rest === '' ? defaultSocketPath : rest);
  }
  if (protocol === 'tcp') return parseTcp(rest, rest, tls);
  // Contexts may name HTTP addresses, as the SDKs take them.
  if (protocol === 'http' || protocol === 'https') return parseTcp(rest, rest, protocol === 'https' ? (tls ?? { verify: true }) : tls);
  throw new Error(`invalid bind address format: ${trimmed}`);
}

function unixEndpoint(path: string): Endpoint {
  return { kind: 'unix', address: `unix://${path}`, path };
}

function parseTcp(rest: string, shown: string, tls: TlsMaterial | undefined): Endpoint {
  if (rest.includes('://')) throw new Error(`invalid proto, expected tcp: ${shown}`);
  const match = /^(\[[^\]]*\]|[^:/]*)(?::([^/]*))?(\/.*)?$/.exec(rest);
  if (match === null) throw new Error(`invalid bind address format: ${shown}`);
  const [, name = '', portText = '', basePath = ''] = match;
  const port = portText === '' ? (tls === undefined ? 2375 : 2376) : Number(portText);
  if (!Number.isInteger(port) || port <= 0 || port > 65535) throw new Error(`invalid bind address format: ${shown}`);
  const host = name === '' ? 'localhost' : name;
  return { kind: 'tcp', address: `tcp://${host}:${port}${basePath}`, host: host.replace(/^\[|\]$/g, ''), port, basePath: basePath.replace(/\/$/, ''), tls };
}
