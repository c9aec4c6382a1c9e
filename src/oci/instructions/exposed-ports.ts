/** The ports of `EXPOSE`: `80`, `80/udp`, `8000-8010`; a host part is read and dropped. */
import { isIP } from 'node:net';
import { changeError } from './change-error.ts';

const protocols = ['tcp', 'udp', 'sctp'];
const mostPorts = 65_536;

/** Keys as `80/tcp`. @throws image.invalid_change */
export function exposedPorts(specification: string): string[] {
  const parts = specification.split(':');
  const container = parts.at(-1) ?? '';
  const host = parts.length > 1 ? (parts.at(-2) ?? '') : '';
  const address = parts.slice(0, -2).join(':').replace(/^\[(.*)\]$/, '$1');
  const [port = '', protocol = ''] = container.split('/');
  if (address !== '' && isIP(address) === 0) throw changeError(`Invalid ip address: ${address}`);
  if (port === '') throw changeError(`No port specified: ${specification}<empty>`);
  const range = portRange(port);
  if (range === undefined) throw changeError(`Invalid containerPort: ${port}`);
  const hostRange = host === '' ? undefined : portRange(host);
  if (host !== '' && hostRange === undefined) throw changeError(`Invalid hostPort: ${host}`);
  if (hostRange !== undefined && range.end !== range.start && hostRange.end - hostRange.start !== range.end - range.start) {
    throw changeError(`Invalid ranges specified for container and host Ports: ${port} and ${host}`);
  }
  const name = protocol === '' ? 'tcp' : protocol.toLowerCase();
  if (!protocols.includes(name)) throw changeError(`Invalid proto: ${protocol}`);
  return Array.from({ length: range.end - range.start + 1 }, (_unused, index) => `${range.start + index}/${name}`);
}

function portRange(text: string): { start: number; end: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  return end < start || end >= mostPorts ? undefined : { start, end };
}
