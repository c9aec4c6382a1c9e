import type { EndpointSettings } from './container-config.ts';

/** One subnet of a network. */
export interface NetworkAddressing {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** The body of `POST /networks/create`. */
export interface NetworkCreateRequest {
  Name: string;
  Driver: string;
  Scope: string;
  EnableIPv4: boolean | null;
  EnableIPv6: boolean | null;
  IPAM: { Driver: string; Options: Record<string, string> | null; Config: NetworkAddressing[] | null } | null;
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigOnly: boolean;
  ConfigFrom: { Network: string } | null;
  Options: Record<string, string> | null;
  Labels: Record<string, string> | null;
}

/** The body of `POST /networks/{id}/connect`. */
export interface NetworkConnectRequest {
  Container: string;
  EndpointConfig: Partial<EndpointSettings> | null;
}

/** The body of `POST /networks/{id}/disconnect`. */
export interface NetworkDisconnectRequest {
  Container: string;
  Force: boolean;
}

/** `GET /networks` and `GET /networks/{id}`, in their JSON spelling. */
export interface NetworkInspect {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: { Driver: string; Options: Record<string, string> | null; Config: NetworkAddressing[] | null };
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: { Network: string };
  ConfigOnly: boolean;
  Containers: Record<string, { Name: string; EndpointID: string; MacAddress: string; IPv4Address: string; IPv6Address: string }>;
  Options: Record<string, string>;
  Labels: Record<string, string>;
  /** With `verbose` alone; of Engine API 1.52. */
  Status?: { IPAM: { Subnets: Record<string, SubnetUsage> } };
}

/** How much of a subnet is in use. */
export interface SubnetUsage {
  IPsInUse: number;
  /** Addresses that containers can still get without asking for one; at most 2^53 - 1. */
  DynamicIPsAvailable: number;
}
