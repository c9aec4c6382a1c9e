/**
 * The three files Docker binds into a container: `/etc/hostname`, `/etc/hosts`, `/etc/resolv.conf`.
 * Written at every start into the container's directory on disk.
 */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from '#base/identity-mapping.ts';
import type { Endpoint, Sandbox } from '#network/contract.ts';
import type { ContainerRecord } from './container-record.ts';

export interface ContainerFiles {
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
}

export interface FileFacts {
  readonly directory: string;
  /** Whom the files belong to; undefined: root. */
  readonly owner: Owner | undefined;
  readonly sandbox: Sandbox | undefined;
  /** With the host's network its own files are the starting point. */
  readonly hostNetwork: boolean;
  readonly hostResolver: { servers: readonly string[]; search: readonly string[]; options: readonly string[] };
  /** The engine's own choice, before the host's. */
  readonly engineResolver: FileFacts['hostResolver'];
  /** The host's own servers, loopback ones too: those that the internal resolver asks. */
  readonly hostServers: readonly string[];
  /** Names are served at 127.0.0.11, which passes on what it does not know. */
  readonly internalResolver: boolean;
  /** Lines about linked containers. */
  readonly linkedHosts: readonly string[];
  /** For `host-gateway` in extra hosts. */
  readonly hostGateways: readonly string[];
}

export function filesOf(directory: string): ContainerFiles {
  return { hostname: join(directory, 'hostname'), hosts: join(directory, 'hosts'), resolvConf: join(directory, 'resolv.conf') };
}

export function writeContainerFiles(record: ContainerRecord, facts: FileFacts): ContainerFiles {
  const files = filesOf(facts.directory);
  mkdirSync(facts.directory, { recursive: true, mode: facts.owner === undefined ? 0o710 : 0o711 });
  writeFileSync(files.hostname, `${record.config.Hostname}\n`, { mode: 0o644 });
  writeFileSync(files.hosts, hostsText(record, facts), { mode: 0o644 });
  writeFileSync(files.resolvConf, resolverText(record, facts), { mode: 0o644 });
  if (facts.owner !== undefined) for (const file of Object.values(files)) chownSync(file, facts.owner.uid, facts.owner.gid);
  return files;
}

const hostsOfContainer = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::\tip6-localnet', 'ff00::\tip6-mcastprefix', 'ff02::1\tip6-allnodes', 'ff02::2\tip6-allrouters'];

function hostsText(record: ContainerRecord, facts: FileFacts): string {
  const six = record.hostConfig.Sysctls?.['net.ipv6.conf.all.disable_ipv6'] !== '1';
  const lines = facts.hostNetwork ? linesOf('/etc/hosts') : hostsOfContainer.filter((line) => six || !line.includes(':'));
  for (const entry of record.hostConfig.ExtraHosts ?? []) {
    const colon = entry.indexOf(':');
    const address = entry.slice(colon + 1);
    const addresses = address === 'host-gateway' ? facts.hostGateways : [address.replace(/^\[|\]$/g, '')];
    for (const one of addresses) lines.push(`${one}\t${entry.slice(0, colon)}`);
  }
  lines.push(...facts.linkedHosts);
  const names = hostNames(record);
  for (const endpoint of Object.values(facts.sandbox?.endpoints ?? {})) {
    for (const address of addressesOf(endpoint)) if (six || !address.includes(':')) lines.push(`${address}\t${names}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Those an endpoint has, IPv4 first. */
function addressesOf({ address, six }: Endpoint): string[] {
  return [address, six?.address ?? ''].filter((text) => text !== '');
}

/** The full name, and its first part where it has several. */
function namesOf(name: string): string {
  const dot = name.indexOf('.');
  return dot > 0 ? `${name} ${name.slice(0, dot)}` : name;
}

/** The lines of a file of the host; none when it is missing. */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
  } catch {
    return [];
  }
}

/** In the host's network the host's own servers are reachable, loopback ones too. */
function hostServers(): string[] {
  return linesOf('/etc/resolv.conf').flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}

function resolverText(record: ContainerRecord, facts: FileFacts): string {
  const { Dns, DnsSearch, DnsOptions } = record.hostConfig;
  const chosen = (own: readonly string[] | null, engine: readonly string[], host: readonly string[]): readonly string[] =>
    [own ?? [], engine].find((list) => list.length > 0) ?? host;
  const servers = chosen(Dns, facts.engineResolver.servers, facts.hostNetwork ? hostServers() : facts.hostResolver.servers);
  const search = chosen(DnsSearch, facts.engineResolver.search, facts.hostResolver.search);
  const chosenOptions = chosen(DnsOptions, facts.engineResolver.options, facts.hostResolver.options);
  const overrides = [(Dns?.length ?? 0) > 0 && 'nameservers', (DnsSearch?.length ?? 0) > 0 && 'search', (DnsOptions?.length ?? 0) > 0 && 'options'].filter((name) => name !== false);
  const internal = facts.internalResolver;
  // The internal resolver needs one that counts.
  const options = internal ? chosenOptions.filter((option) => !isDots(option) || /^ndots:\+?\d+$/.test(option)) : chosenOptions;
  const ndots = options.some(isDots);
  const shownOptions = internal && !ndots ? [...options, 'ndots:0'] : options;
  const lines = [
    '# Generated by Docker Engine.',
    '# This file can be edited; Docker Engine will not make further changes once it',
    '# has been modified.',
    '',
    ...(internal ? ['127.0.0.11'] : servers).map((server) => `nameserver ${server}`),
    // A lone dot means: no search domain at all.
    ...(search.length > 0 && !(search.length === 1 && search[0] === '.') ? [`search ${search.join(' ')}`] : []),
    ...(shownOptions.length > 0 ? [`options ${shownOptions.join(' ')}`] : []),
    '',
    `# Based on host file: '/etc/resolv.conf'${internal ? ' (internal resolver)' : facts.hostNetwork ? '' : ' (legacy)'}`,
    ...(internal ? [externalServers(record, facts)] : []),
    `# Overrides: [${overrides.join(' ')}]`,
    ...(internal || ndots ? [`# Option ndots from: ${ndots ? ((DnsOptions?.length ?? 0) > 0 ? 'override' : 'host') : 'internal'}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function isDots(option: string): boolean {
  return option === 'ndots' || option.startsWith('ndots:');
}

/** Which servers the internal resolver asks; the host's are asked from the host's network. */
function externalServers(record: ContainerRecord, facts: FileFacts): string {
  const own = [record.hostConfig.Dns ?? [], facts.engineResolver.servers].find((list) => list.length > 0);
  const shown = own ?? facts.hostServers.map((server) => `host(${server})`);
  return shown.length === 0 ? '# NO EXTERNAL NAMESERVERS DEFINED' : `# ExtServers: [${shown.join(' ')}]`;
}

/**
 * Brings the files of a running container in line with the networks it is on now: its addresses in `hosts`,
 * and the resolver it has come to. What somebody changed by hand stays.
 */
export function followNetworks(before: ContainerRecord, after: ContainerRecord, factsOf: (record: ContainerRecord) => FileFacts): void {
  const [old, now] = [factsOf(before), factsOf(after)];
  const files = filesOf(now.directory);
  const addresses = new Set(Object.values(after.sandbox?.endpoints ?? {}).flatMap(addressesOf));
  const known = new Set(Object.values(before.sandbox?.endpoints ?? {}).flatMap(addressesOf));
  const lines = linesOf(files.hosts).filter((line) => {
    const [address = ''] = line.split('\t', 1);
    return !known.has(address) || addresses.has(address);
  });
  for (const address of addresses) if (!known.has(address)) lines.push(`${address}\t${hostNames(after)}`);
  // In place: the container has these very files mounted.
  writeFileSync(files.hosts, `${lines.join('\n')}\n`);
  // A resolver that is there once stays there.
  if (old.internalResolver || !now.internalResolver) return;
  if (linesOf(files.resolvConf).join('\n') === resolverText(before, old).replace(/\n$/, '')) writeFileSync(files.resolvConf, resolverText(after, now));
}

/** Writes another container's address of now into `hosts`, where a line begins its names with this alias. */
export function renewLinkedHost(directory: string, alias: string, address: string): void {
  const { hosts } = filesOf(directory);
  const lines = linesOf(hosts);
  const renewed = lines.map((line) => {
    const [before = '', names = ''] = line.split('\t');
    return names.split(' ', 1)[0] === alias && before !== address ? `${address}\t${names}` : line;
  });
  // In place: the container has this very file mounted.
  if (renewed.some((line, index) => line !== lines[index])) writeFileSync(hosts, `${renewed.join('\n')}\n`);
}

/** The container's own names, as `hosts` has them. */
function hostNames({ config: { Hostname, Domainname } }: ContainerRecord): string {
  return namesOf(Domainname === '' ? Hostname : `${Hostname}.${Domainname}`);
}
