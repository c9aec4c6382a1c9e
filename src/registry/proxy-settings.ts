/** Which requests go through a proxy: the daemon's options, else the environment, with the rules of Go's `httpproxy`. */
import { BlockList, isIP } from 'node:net';

export interface ProxySettings {
  /** For plain HTTP; empty: none. */
  readonly http: string;
  readonly https: string;
  /** Comma-separated hosts, domains, addresses and networks that are reached directly; `*`: all. */
  readonly none: string;
}

export const withoutProxy: ProxySettings = { http: '', https: '', none: '' };

/** Upper case counts for more than lower case; what is given by option for more than both. */
export function proxySettings(given: Partial<ProxySettings>, environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const choose = (option: string | undefined, name: string): string => option || environment[name] || environment[name.toLowerCase()] || '';
  return { http: choose(given.http, 'HTTP_PROXY'), https: choose(given.https, 'HTTPS_PROXY'), none: choose(given.none, 'NO_PROXY') };
}

/** Whether a request goes straight to its host: this machine itself always, and what `none` names. */
export function isDirect(url: URL, settings: ProxySettings): boolean {
  if ((url.protocol === 'https:' ? settings.https : settings.http) === '') return true;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const family = isIP(host);
  if (host === 'localhost' || host === '::1' || (family === 4 && host.startsWith('127.'))) return true;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return settings.none.split(',').some((entry) => matches(entry.trim().toLowerCase(), { host, family, port }));
}

function matches(entry: string, target: { host: string; family: number; port: string }): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  if (entry.includes('/')) return inNetwork(entry, target);
  const [, name = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? ['', entry];
  if (port !== '' && port !== target.port) return false;
  const bare = name.replace(/^\[(.*)\]$/, '$1');
  if (target.family !== 0) return bare === target.host;
  const domain = bare.replace(/^\*/, '');
  // `.example.com` is what lies below it, `example.com` that and itself.
  return domain.startsWith('.') ? target.host.endsWith(domain) : target.host === domain || target.host.endsWith(`.${domain}`);
}

function inNetwork(entry: string, { host, family }: { host: string; family: number }): boolean {
  const [address = '', length = ''] = entry.split('/');
  const kind = isIP(address);
  if (family === 0 || kind !== family || !/^\d+$/.test(length) || Number(length) > (kind === 4 ? 32 : 128)) return false;
  const networks = new BlockList();
  networks.addSubnet(address, Number(length), kind === 4 ? 'ipv4' : 'ipv6');
  return networks.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
