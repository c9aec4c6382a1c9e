/** A network as the state database keeps it: what `inspect` shows without the containers, and what only the engine knows. */
import type { NetworkInspect } from '#schema/network-views.ts';

export type NetworkRecord = Omit<NetworkInspect, 'Containers'> & {
  readonly engine?: {
    /** The user named the subnet, so that containers may ask for addresses in it. */
    readonly staticSubnet: boolean;
    /** The engine made the interface and removes it with the network. */
    readonly ownsInterface: boolean;
  };
};

/** Names of networks that are always there. */
export const predefinedNetworks: readonly string[] = ['bridge', 'host', 'none'];

export function isPredefined(name: string): boolean {
  return predefinedNetworks.includes(name);
}

export const bridgeOption = {
  defaultBridge: 'com.docker.network.bridge.default_bridge',
  interface: 'com.docker.network.bridge.name',
  mtu: 'com.docker.network.driver.mtu',
  betweenContainers: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  inhibitAddress: 'com.docker.network.bridge.inhibit_ipv4',
  hostAddress: 'com.docker.network.bridge.host_binding_ipv4',
  gatewayMode: 'com.docker.network.bridge.gateway_mode_ipv4',
  gatewayMode6: 'com.docker.network.bridge.gateway_mode_ipv6',
  trustedInterfaces: 'com.docker.network.bridge.trusted_host_interfaces',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
  sourceAddress: 'com.docker.network.host_ipv4',
  sourceAddress6: 'com.docker.network.host_ipv6',
  enable: 'com.docker.network.enable_ipv4',
  enable6: 'com.docker.network.enable_ipv6',
} as const;

/** The bridge's interface: as asked for, or made from the network's id as Docker does. */
export function interfaceOf(record: NetworkRecord): string {
  const asked = record.Options[bridgeOption.interface] ?? '';
  return asked === '' ? `br-${record.Id.slice(0, 12)}` : asked;
}

/** Options of the driver that are on unless switched off; values were checked when the network was made. */
export function isSwitchedOn(record: NetworkRecord, option: string): boolean {
  const value = record.Options[option] ?? '';
  return !['0', 'f', 'false'].includes(value.toLowerCase());
}

export function newNetworkRecord(identity: { name: string; id: string; driver: string; created: string; options: Record<string, string> }): NetworkRecord {
  return {
    Name: identity.name,
    Id: identity.id,
    Created: identity.created,
    Scope: 'local',
    Driver: identity.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: null },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Options: identity.options,
    Labels: {},
  };
}
