/** `--network NAME`, or with options: `--network name=…,alias=…,ip=…`. */
import { parseCsvRecord } from '#base/csv-record.ts';
import type { Flag, FlagOptions } from '#cli/flag.ts';
import { parseInteger } from '#cli/go-number.ts';

export interface NetworkAttachment {
  readonly target: string;
  readonly aliases: readonly string[];
  readonly links: readonly string[];
  readonly linkLocalAddresses: readonly string[];
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly ipv4Address: string;
  readonly ipv6Address: string;
  readonly macAddress: string;
  readonly gatewayPriority: number;
}

export const plainAttachment: NetworkAttachment = {
  target: 'default', aliases: [], links: [], linkLocalAddresses: [], driverOptions: {}, ipv4Address: '', ipv6Address: '', macAddress: '', gatewayPriority: 0,
};

export function networkFlag(options: FlagOptions): Flag<readonly NetworkAttachment[]> {
  return { ...options, type: 'network', initial: [], add: (current, text) => [...current, parseNetwork(text)] };
}

function parseNetwork(text: string): NetworkAttachment {
  if (!/[0-9A-Za-z_]+=[0-9A-Za-z_]+/.test(text)) return { ...plainAttachment, target: text };
  let attachment: NetworkAttachment = { ...plainAttachment, target: '' };
  for (const field of parseCsvRecord(text)) attachment = { ...attachment, ...readField(field, attachment) };
  if (attachment.target === '') throw new Error('network name/id is not specified');
  return attachment;
}

function readField(field: string, so: NetworkAttachment): Partial<NetworkAttachment> {
  const lower = field.toLowerCase();
  const cut = lower.indexOf('=');
  if (cut <= 0) throw new Error(`invalid field ${field}`);
  const key = lower.slice(0, cut).trim();
  const value = lower.slice(cut + 1).trim();
  switch (key) {
    case 'name':
      return { target: value };
    case 'alias':
      return { aliases: [...so.aliases, value] };
    case 'ip':
      return { ipv4Address: value };
    case 'ip6':
      return { ipv6Address: value };
    case 'mac-address':
      return { macAddress: value };
    case 'link-local-ip':
      return { linkLocalAddresses: [...so.linkLocalAddresses, value] };
    case 'driver-opt': {
      const equals = value.indexOf('=');
      if (equals <= 0) throw new Error('invalid key value pair format in driver options');
      return { driverOptions: { ...so.driverOptions, [value.slice(0, equals).trim()]: value.slice(equals + 1).trim() } };
    }
    case 'gw-priority':
      return { gatewayPriority: priorityOf(value) };
    default:
      throw new Error(`invalid field key ${key}`);
  }
}

function priorityOf(value: string): number {
  try {
    return parseInteger(value, 10);
  } catch (error) {
    const reason = error instanceof Error && error.message.endsWith('value out of range') ? 'value out of range' : 'invalid syntax';
    throw new Error(`invalid gw-priority (${value}): ${reason}`, { cause: error });
  }
}
