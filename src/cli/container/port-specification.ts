/** `--publish` and `--expose`: what they publish, with Docker's errors. */
import { isIP } from 'node:net';
import { parseUnsigned } from '#cli/go-number.ts';
import type { PortBinding } from '#schema/container-config.ts';

export interface PublishedPort {
  /** `80/tcp`. */
  readonly port: string;
  readonly binding: PortBinding;
}

/** Each `ip:host:container/protocol` with ranges, or `target=80,published=8080,protocol=tcp`. */
export function parsePublished(texts: readonly string[]): PublishedPort[] {
  // Every long form is looked at before the first port is.
  const specifications = texts.map((text) => (text.includes('=') ? fromLongForm(text) : text));
  return specifications.flatMap(parsePortSpecification);
}

function fromLongForm(text: string): string {
  const values: Record<string, string> = { protocol: 'tcp', published: '', target: '' };
  for (const part of text.split(',')) {
    const cut = part.indexOf('=');
    if (cut <= 0) throw new Error(`invalid publish opts format (should be name=value but got '${part}')`);
    values[part.slice(0, cut)] = part.slice(cut + 1);
  }
  return `${values['published']}:${values['target']}/${values['protocol']}`;
}

function parsePortSpecification(text: string): PublishedPort[] {
  const parts = text.split(':');
  const [protocol, containerPort] = splitProtocol(parts.at(-1) ?? '');
  let hostPort = parts.length >= 2 ? (parts.at(-2) ?? '') : '';
  let address = parts.length >= 3 ? parts.slice(0, -2).join(':') : '';
  if (address.startsWith('[')) {
    if (!address.endsWith(']')) throw new Error(`invalid IP address ${address}: address ${address}:: missing ']' in address`);
    address = address.slice(1, -1);
  }
  if (address !== '' && (isIP(address) === 0 || address.includes('%'))) throw new Error(`invalid IP address: ${address}`);
  if (containerPort === '') throw new Error(`no port specified: ${text}<empty>`);
  const container = rangeOr(containerPort, `invalid containerPort: ${containerPort}`);
  const host = hostPort === '' ? { start: 0, end: 0 } : rangeOr(hostPort, `invalid hostPort: ${hostPort}`);
  const isRange = container.start !== container.end;
  if (hostPort !== '' && container.end - container.start !== host.end - host.start && isRange) {
    throw new Error(`invalid ranges specified for container and host Ports: ${containerPort} and ${hostPort}`);
  }
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) throw new Error(`invalid proto: ${protocol}`);
  const published: PublishedPort[] = [];
  for (let offset = 0; offset <= container.end - container.start; offset++) {
    if (hostPort !== '') hostPort = String(host.start + offset);
    // One port of the container and several of the host: the daemon chooses among them.
    if (!isRange && host.start !== host.end) hostPort = `${hostPort}-${host.end}`;
    published.push({ port: `${container.start + offset}/${protocol.toLowerCase()}`, binding: { HostIp: address, HostPort: hostPort } });
  }
  return published;
}

/** The ports that an `--expose` names, as `80/tcp`. */
export function parseExpose(text: string): string[] {
  if (text.includes(':')) throw new Error(`invalid port format for --expose: ${text}`);
  const [protocol, port] = splitProtocol(text);
  let range: { start: number; end: number };
  try {
    range = parseRange(port);
  } catch (error) {
    throw new Error(`invalid range format for --expose: ${text}, error: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return Array.from({ length: range.end - range.start + 1 }, (_, offset) => `${range.start + offset}/${protocol}`);
}

function splitProtocol(text: string): [protocol: string, port: string] {
  const [port = '', protocol] = text.split('/');
  if (port === '') return ['', ''];
  return [protocol === undefined || protocol === '' ? 'tcp' : protocol, port];
}

function rangeOr(text: string, problem: string): { start: number; end: number } {
  try {
    return parseRange(text);
  } catch (error) {
    throw new Error(problem, { cause: error });
  }
}

function parseRange(text: string): { start: number; end: number } {
  if (text === '') throw new Error('empty string specified for ports');
  const [first = '', last] = text.split('-');
  const start = parseUnsigned(first, 16, 10);
  if (last === undefined) return { start, end: start };
  const end = parseUnsigned(last, 16, 10);
  if (end < start) throw new Error(`invalid range specified for port: ${text}`);
  return { start, end };
}
