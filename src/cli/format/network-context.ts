/** The rows of `network ls`. */
import type { NetworkInspect } from '#schema/network-views.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { formatMoment, parseMoment } from '#base/template/go-time.ts';
import { contextType } from './context-type.ts';
import type { ListFormat } from './render-list.ts';

export interface NetworkRow {
  readonly network: NetworkInspect;
  readonly truncate: boolean;
}

export function networkFormat(source: string, quiet: boolean): ListFormat {
  const choose = (): string => {
    if (source === 'raw') return quiet ? 'network_id: {{.ID}}' : 'network_id: {{.ID}}\\nname: {{.Name}}\\ndriver: {{.Driver}}\\nscope: {{.Scope}}\\n';
    if (source !== 'table') return source;
    return quiet ? '{{.ID}}' : 'table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}';
  };
  return { format: choose(), headers };
}

const headers = {
  ID: 'NETWORK ID', Name: 'NAME', Driver: 'DRIVER', Scope: 'SCOPE', IPv4: 'IPV4', IPv6: 'IPV6', Internal: 'INTERNAL', Labels: 'LABELS',
  CreatedAt: 'CREATED AT',
};

export const networkContext = contextType<NetworkRow>('network.networkContext', {
  ID: ({ network, truncate }) => (truncate ? shortIdentifier(network.Id) : network.Id),
  Name: ({ network }) => network.Name,
  Driver: ({ network }) => network.Driver,
  Scope: ({ network }) => network.Scope,
  IPv4: ({ network }) => String(network.EnableIPv4),
  IPv6: ({ network }) => String(network.EnableIPv6),
  Internal: ({ network }) => String(network.Internal),
  Labels: ({ network }) => Object.entries(network.Labels ?? {}).map(([name, value]) => `${name}=${value}`).join(','),
  CreatedAt: ({ network }) => {
    const moment = parseMoment(network.Created);
    return moment === undefined ? network.Created : formatMoment(moment, '2006-01-02 15:04:05.999999999 -0700 MST');
  },
}, {
  Label: ({ network }, name) => network.Labels?.[name] ?? '',
});
