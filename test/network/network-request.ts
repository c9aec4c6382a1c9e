/** Bodies of `POST /networks/create` as clients send them that ask for nothing else. */
import type { NetworkAddressing, NetworkCreateRequest } from '#schema/network-views.ts';

export interface NetworkWish extends Partial<NetworkCreateRequest> {
  /** Written as `--subnet` has it. */
  readonly subnet?: string;
  readonly config?: readonly NetworkAddressing[];
}

export function networkRequest(Name: string, { subnet, config, ...more }: NetworkWish = {}): NetworkCreateRequest {
  const Config = [...(subnet === undefined ? [] : [{ Subnet: subnet }]), ...(config ?? [])];
  return {
    Name, Driver: '', Scope: '', EnableIPv4: null, EnableIPv6: null, Internal: false, Attachable: false, Ingress: false, ConfigOnly: false, ConfigFrom: null,
    IPAM: Config.length === 0 ? null : { Driver: 'default', Options: null, Config }, Options: null, Labels: null, ...more,
  };
}
