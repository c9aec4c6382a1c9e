/** The rows of `ps`. */
import type { ContainerSummary, PortSummary } from '#schema/container-config.ts';
import { humanDuration } from '#base/human-duration.ts';
import { humanSize } from '#base/human-size.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { decodeJson } from '#base/template/go-json.ts';
import { compareText, zeroOf } from '#base/template/go-value.ts';
import { pointerTo, stringType, structOf } from '#base/template/go-type.ts';
import { parseJsonDocument } from '#base/json-document.ts';
import { contextType } from './context-type.ts';
import { ellipsis } from './display-width.ts';
import { knownReference } from './known-reference.ts';
import { localTimeText } from './local-time.ts';
import type { ListFormat } from './render-list.ts';

export interface ContainerRow {
  readonly container: ContainerSummary;
  readonly truncate: boolean;
  /** Called when a template asks for the sizes. */
  readonly onSize?: () => void;
}

const tableFormat = 'table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}';
const rawFormat = [
  'container_id: {{.ID}}',
  'image: {{.Image}}',
  'command: {{.Command}}',
  'created_at: {{.CreatedAt}}',
  'state: {{- pad .State 1 0}}',
  'status: {{- pad .Status 1 0}}',
  'names: {{.Names}}',
  'labels: {{- pad .Labels 1 0}}',
  'ports: {{- pad .Ports 1 0}}',
  '',
].join('\n');

/** What `--format` or the configuration chose, or the default table. */
export function containerFormat(source: string, { quiet, size }: { quiet: boolean; size: boolean }): ListFormat {
  const choose = (): string => {
    if (source === 'raw') return quiet ? 'container_id: {{.ID}}' : `${rawFormat}${size ? 'size: {{.Size}}\\n' : ''}`;
    if (quiet) return '{{.ID}}';
    return source === 'table' || source === '' ? `${tableFormat}${size ? '\\t{{.Size}}' : ''}` : source;
  };
  return { format: choose(), headers };
}

const headers = {
  ID: 'CONTAINER ID', Names: 'NAMES', Image: 'IMAGE', Command: 'COMMAND', CreatedAt: 'CREATED AT', RunningFor: 'CREATED',
  Ports: 'PORTS', State: 'STATE', Status: 'STATUS', Size: 'SIZE', Labels: 'LABELS', Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES', Networks: 'NETWORKS', Platform: 'PLATFORM',
};

const platformType = structOf('formatter.Platform', [
  ['Architecture', stringType, 'architecture'],
  ['OS', stringType, 'os'],
  ['OSVersion', stringType, 'os.version,omitempty'],
  ['Variant', stringType, 'variant,omitempty'],
], {
  String: {
    parameters: [], variadic: false, result: stringType,
    call: ({ data }) => {
      const [architecture, os, version, variant] = Array.isArray(data) ? data.map((field) => String(field.data)) : [];
      const system = version === '' ? os : `${os}(${version})`;
      return { type: stringType, data: [system, architecture, ...(variant === '' ? [] : [variant])].join('/') };
    },
  },
});
const platformPointer = pointerTo(platformType);

interface WithPlatform {
  readonly ImageManifestDescriptor?: { readonly platform?: object };
}

export const containerContext = contextType<ContainerRow>('formatter.ContainerContext', {
  ID: ({ container, truncate }) => (truncate ? shortIdentifier(container.Id) : container.Id),
  Names: ({ container, truncate }) => {
    const names = (container.Names ?? []).map((name) => name.slice(1));
    // Others are the aliases that links gave the container.
    const own = truncate ? names.find((name) => !name.includes('/')) : undefined;
    return own ?? names.join(',');
  },
  Image: ({ container, truncate }) => imageText(container, truncate),
  Command: ({ container, truncate }) => quoteText(truncate ? ellipsis(container.Command, 20) : container.Command),
  CreatedAt: ({ container }) => localTimeText(container.Created),
  RunningFor: ({ container }) => `${humanDuration(Date.now() - container.Created * 1000)} ago`,
  Platform: {
    type: platformPointer,
    read: ({ container }) => {
      const platform = (container as WithPlatform).ImageManifestDescriptor?.platform;
      if (platform === undefined) return zeroOf(platformPointer);
      return { type: platformPointer, data: decodeJson(platformType, parseJsonDocument(JSON.stringify(platform))) };
    },
  },
  Ports: ({ container }) => portsText(container.Ports ?? []),
  State: ({ container }) => container.State,
  Status: ({ container }) => container.Status,
  Size: ({ container, onSize }) => {
    onSize?.();
    const own = humanSize(container.SizeRw ?? 0, 3);
    const whole = container.SizeRootFs ?? 0;
    return whole > 0 ? `${own} (virtual ${humanSize(whole, 3)})` : own;
  },
  Labels: ({ container }) => labelsText(container.Labels),
  Mounts: ({ container, truncate }) => (container.Mounts ?? []).map(({ Name: name = '', Source: source }) => {
    const shown = name === '' ? source : name;
    return truncate ? ellipsis(shown, 15) : shown;
  }).join(','),
  LocalVolumes: ({ container }) => String((container.Mounts ?? []).filter((mount) => mount.Driver === 'local').length),
  Networks: ({ container }) => Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
}, {
  Label: ({ container }, name) => container.Labels?.[name] ?? '',
});

/** `a=1,b=2`, in order. */
export function labelsText(labels: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`).sort(compareText).join(',');
}

function imageText({ Image: image, ImageID: id }: ContainerSummary, truncate: boolean): string {
  if (image === '') return '<no image>';
  if (!truncate) return image;
  const short = shortIdentifier(id);
  if (short === shortIdentifier(image)) return short;
  const reference = knownReference(image);
  if (reference === undefined) return image;
  return reference.tag === '' ? reference.name : `${reference.name}:${reference.tag}`;
}

/** Runs of ports that stay the same outside as inside are shown as ranges; those that change come last. */
export function portsText(ports: readonly PortSummary[]): string {
  const groups = new Map<string, { first: number; last: number }>();
  const shown: string[] = [];
  const changed: string[] = [];
  for (const { IP: address = '', PrivatePort: inside, PublicPort: outside = 0, Type: protocol } of [...ports].sort(comparePorts)) {
    if (address !== '' && outside !== inside) {
      changed.push(`${hostPort(address, String(outside))}->${inside}/${protocol}`);
      continue;
    }
    const key = address === '' ? protocol : `${address}/${protocol}`;
    const group = groups.get(key);
    if (group !== undefined && inside === group.last + 1) {
      group.last = inside;
      continue;
    }
    if (group !== undefined) shown.push(rangeText(key, group));
    groups.set(key, { first: inside, last: inside });
  }
  for (const [key, group] of groups) shown.push(rangeText(key, group));
  return [...shown, ...changed].join(', ');
}

function rangeText(key: string, { first, last }: { first: number; last: number }): string {
  const cut = key.lastIndexOf('/');
  const range = first === last ? String(first) : `${first}-${last}`;
  return cut < 0 ? `${range}/${key}` : `${hostPort(key.slice(0, cut), range)}->${range}/${key.slice(cut + 1)}`;
}

function hostPort(address: string, port: string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function comparePorts(left: PortSummary, right: PortSummary): number {
  return left.PrivatePort - right.PrivatePort
    || compareText(left.IP ?? '', right.IP ?? '')
    || (left.PublicPort ?? 0) - (right.PublicPort ?? 0)
    || compareText(left.Type, right.Type);
}
