/** A network as the state database keeps it: what `inspect` shows without the containers. */
import type { NetworkInspect } from '#schema/network-views.ts';

export type NetworkRecord = Omit<NetworkInspect, 'Containers'>;

/** Names of networks that are always there. */
export const predefinedNetworks: readonly string[] = ['bridge', 'host', 'none'];

export const bridgeOption = {
  defaultBridge: 'com.docker.network.bridge.default_bridge',
  interface: 'com.docker.network.bridge.name',
  mtu: 'com.docker.network.driver.mtu',
} as const;

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
