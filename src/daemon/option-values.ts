/** Reads the values of single options, with dockerd's words for what is wrong with them. */
import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { messageOf } from '#base/errors/failure.ts';
import { parseBinarySize } from '#base/parse-size.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { Ulimit } from '#schema/container-config.ts';
import { formatSubnet, parseInterfaceAddress } from '#network/ipv4-subnet.ts';
import { parseInterfaceAddress6 } from '#network/ipv6-subnet.ts';

/** What a value is, or why it is none. */
export type Reading<T> = { readonly value: T } | { readonly fault: string };

export interface AddressPoolOption {
  readonly base: string;
  readonly size: number;
}

const ulimitNames = new Set([
  'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss', 'rtprio', 'rttime', 'sigpending', 'stack',
]);

/** `name=soft[:hard]`, as go-units reads it. */
export function readUlimit(text: string): Reading<Ulimit> {
  const equals = text.indexOf('=');
  if (equals < 0) return { fault: `invalid ulimit argument: ${text}` };
  const [name, limits] = [text.slice(0, equals), text.slice(equals + 1)];
  if (!ulimitNames.has(name)) return { fault: `invalid ulimit type: ${name}` };
  const parts = limits.split(':');
  if (parts.length > 2) return { fault: `too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\`` };
  for (const part of parts) if (!/^[+-]?\d+$/.test(part)) return { fault: `strconv.ParseInt: parsing ${quoteText(part)}: invalid syntax` };
  const [soft = 0, hard = soft] = parts.map(Number);
  const finite = hard !== -1;
  if (finite && soft === -1) return { fault: `ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: ${hard}` };
  if (finite && soft > hard) return { fault: `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}` };
  return { value: { Name: name, Soft: soft, Hard: hard } };
}

/** A limit of the file: what dockerd finds out only when a container starts is found out here. */
export function ulimitFault({ Name, Soft, Hard }: Ulimit): string | undefined {
  const reading = readUlimit(`${Name}=${Soft}:${Hard}`);
  return 'fault' in reading ? reading.fault : undefined;
}

/** `base=CIDR,size=N`. */
export function readAddressPool(text: string): Reading<AddressPoolOption> {
  let base = '';
  let size = 0;
  for (const field of text.split(',')) {
    const equals = field.indexOf('=');
    if (equals < 0) return { fault: `invalid field '${field}' must be a key=value pair` };
    const [key, value] = [field.slice(0, equals), field.slice(equals + 1)];
    if (key === 'base') {
      const fault = prefixFault(value);
      if (fault !== undefined) return { fault: `invalid base prefix ${quoteText(value)}: ${fault}` };
      base = value;
    } else if (key === 'size') {
      if (!/^[+-]?\d+$/.test(value)) return { fault: `invalid size value: ${quoteText(text)} (must be integer): strconv.Atoi: parsing ${quoteText(value)}: invalid syntax` };
      size = Number(value);
    } else return { fault: `unexpected key '${key}' in '${field}'` };
  }
  return { value: { base, size } };
}

/** Why a text is no prefix of IPv4 or IPv6 addresses, in the words of Go's netip. */
export function prefixFault(text: string): string | undefined {
  const slash = text.lastIndexOf('/');
  const because = (reason: string): string => `netip.ParsePrefix(${quoteText(text)}): ${reason}`;
  if (slash < 0) return because("no '/'");
  const version = isIP(text.slice(0, slash));
  if (version === 0) return because(`ParseAddr(${quoteText(text.slice(0, slash))}): unable to parse IP`);
  const bits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d*)$/.test(bits)) return because(`bad bits after slash: ${quoteText(bits)}`);
  return Number(bits) > (version === 4 ? 32 : 128) ? because('prefix length out of range') : undefined;
}

/** What is wrong with a pool once it is read; dockerd finds it out when it starts. */
export function addressPoolFault({ base, size }: AddressPoolOption): string | undefined {
  const shown = `default address pool ${base === '' ? '(without base)' : base}`;
  if (base.includes(':')) {
    const subnet6 = parseInterfaceAddress6(base)?.subnet;
    if (subnet6 === undefined) return `invalid ${shown}: it must be a subnet in CIDR notation, such as fd00:10::/56`;
    return size < subnet6.prefixLength || size > 126 ? `invalid ${shown}: its size ${size} must be a prefix length from ${subnet6.prefixLength} to 126` : undefined;
  }
  const subnet = parseInterfaceAddress(base)?.subnet;
  if (subnet === undefined) return `invalid ${shown}: it must be a subnet in CIDR notation, such as 10.10.0.0/16`;
  if (formatSubnet(subnet) !== base) return `invalid ${shown}: it should be ${formatSubnet(subnet)}`;
  return size < subnet.prefixLength || size > 30 ? `invalid ${shown}: its size ${size} must be a prefix length from ${subnet.prefixLength} to 30` : undefined;
}

export function addressFault(value: string): string | undefined {
  return isIP(value) === 0 ? `failed to parse IP: ${quoteText(value)}` : undefined;
}

/** Bytes. */
export function readMemorySize(text: string): Reading<number> {
  try {
    return { value: parseBinarySize(text) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

/** A registry mirror with its path ending in a slash. */
export function readMirror(text: string): Reading<string> {
  const mirror = text.trim();
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(mirror)?.[1]?.toLowerCase();
  if (scheme === undefined) return { fault: `invalid mirror: no scheme specified for ${quoteText(mirror)}: must use either 'https://' or 'http://'` };
  if (scheme !== 'http' && scheme !== 'https') return { fault: `invalid mirror: unsupported scheme ${quoteText(scheme)} in ${quoteText(mirror)}: must use either 'https://' or 'http://'` };
  if (/\[[^\]]*$/.test(mirror)) return { fault: `invalid mirror: ${quoteText(mirror)} is not a valid URI: parse ${quoteText(mirror)}: missing ']' in host` };
  if (!URL.canParse(mirror)) return { fault: `invalid mirror: ${quoteText(mirror)} is not a valid URI` };
  const url = new URL(mirror);
  if (/[?#]/.test(mirror)) return { fault: `invalid mirror: query or fragment at end of the URI ${quoteText(mirror)}` };
  if (url.username !== '' || url.password !== '') return { fault: `invalid mirror: username/password not allowed in URI ${quoteText(mirror.replace(/:[^:@/]*@/, ':xxxxx@'))}` };
  return { value: mirror.endsWith('/') ? mirror : `${mirror}/` };
}

/** A search domain; `.` means none. */
export function searchDomainFault(text: string): string | undefined {
  const domain = text.trim();
  if (domain === '.') return undefined;
  const valid = domain.length <= 254 && /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*)\.?$/.test(domain) && /[a-zA-Z]/.test(domain);
  return valid ? undefined : `${text} is not a valid domain`;
}

/** `key=value` or `key1=value;key2=value`, as swarm's generic resources are written: names of units or an amount. */
export function readGenericResource(text: string): Reading<{ kind: string; value: string | number }> {
  const equals = text.indexOf('=');
  if (equals <= 0 || equals === text.length - 1) return { fault: `could not parse GenericResource: incorrect term ${text}, missing '=' or malformed expression` };
  const [kind, value] = [text.slice(0, equals), text.slice(equals + 1)];
  return { value: { kind, value: /^\d+$/.test(value) ? Number(value) : value } };
}

/** `root=key=value`, as `default-network-opt` takes it. */
export function networkOptionFault(text: string): string | undefined {
  return /^[^=]+=[^=]+=/s.test(text) ? undefined : `invalid value ${quoteText(text)} for map option, should be root-key=key=value`;
}

/** Nothing is run of `userland-proxy-path`; dockerd takes none that it could not run, in the words of Go's `exec.LookPath`. */
export function proxyProgramFault(path: string): string | undefined {
  if (path === '') return undefined;
  const fault = (reason: string): string => `invalid userland-proxy-path: ${reason}`;
  if (!path.startsWith('/')) return fault(`must be an absolute path: ${path}`);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return fault(`exec: ${quoteText(path)}: stat ${path}: no such file or directory`);
  if (found.isDirectory()) return fault(`exec: ${quoteText(path)}: is a directory`);
  return (found.mode & 0o111) === 0 ? fault(`exec: ${quoteText(path)}: permission denied`) : undefined;
}
