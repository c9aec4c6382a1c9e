/** Name servers, search domains and options for containers, from the host's resolv.conf (resolv.conf(5)). */
import { readFileSync } from 'node:fs';
import { isIP, isIPv4 } from 'node:net';

export interface Resolver {
  servers: string[];
  search: string[];
  options: string[];
}

/** Given when the host has no name server that a container could reach, as Docker does. */
const fallbackServers: readonly string[] = ['8.8.8.8', '8.8.4.4'];
const hostFile = '/etc/resolv.conf';
/** Where systemd-resolved keeps the servers that its own at 127.0.0.53 asks. */
const systemdFile = '/run/systemd/resolve/resolv.conf';

/** @param inHostNetwork the container shares the host's network, and with it servers at loopback addresses */
export function readHostResolver(inHostNetwork: boolean, read: (path: string) => string = readOrEmpty): Resolver {
  const host = parseResolver(read(hostFile));
  if (inHostNetwork) return host;
  const stub = host.servers.length === 1 && host.servers[0] === '127.0.0.53';
  const resolver = stub ? parseResolver(read(systemdFile)) : host;
  // Containers have no IPv6 on this network.
  const servers = resolver.servers.filter((server) => isIPv4(server) && !server.startsWith('127.'));
  return { ...resolver, servers: servers.length === 0 ? [...fallbackServers] : servers };
}

export function parseResolver(text: string): Resolver {
  const resolver: Resolver = { servers: [], search: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = line.trim().split(/\s+/);
    if (values.length === 0 || keyword.startsWith('#') || keyword.startsWith(';')) continue;
    if (keyword === 'nameserver' && isIP(values[0] ?? '') !== 0) resolver.servers.push(values[0] ?? '');
    // Of several lines the last counts; `domain` is its old name.
    else if (keyword === 'search' || keyword === 'domain') resolver.search = values;
    else if (keyword === 'options') resolver.options.push(...values);
  }
  return resolver;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
