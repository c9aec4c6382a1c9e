/** What the engine needs of networks. Implemented in this folder. */
import type { NamespaceOwner } from '#kernel/network-namespace.ts';
import type { EndpointSettings, PortMap } from '#schema/container-config.ts';
import type { NetworkCreateRequest, NetworkInspect } from '#schema/network-views.ts';
import type { PortReach } from '#schema/port-reach.ts';
import type { PortChange } from './port-changes.ts';

/** What a running container holds of the network, kept in the container's record. */
export interface Sandbox {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** File that keeps the namespace alive: a bind mount of it. With mode `host` it is the daemon's own, kept as `netns/default`. */
  readonly namespacePath: string;
  /** Keeps the user namespace that was made for this sandbox alive. */
  readonly userNamespacePath?: string;
  /** By network name. */
  readonly endpoints: Record<string, Endpoint>;
  /** Ports as bound: every requested binding with its real host port. */
  readonly ports: PortMap;
  /** Name servers the container asked for; none: the host's. */
  readonly nameServers?: readonly string[];
}

export interface Endpoint {
  readonly id: string;
  readonly networkId: string;
  readonly driver: string;
  /** Of IPv4. Empty for `none` and `host`, and on networks without IPv4. */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** The same of IPv6, where the network has it. */
  readonly six?: { readonly address: string; readonly prefixLength: number; readonly gateway: string };
  /** Further addresses, of the link alone, as they were asked for. */
  readonly linkLocal?: readonly string[];
  /** The interface itself leads to the outside, without a gateway. */
  readonly directRoute?: boolean;
  /** Empty for `none`, `host` and `ipvlan`, whose interfaces have their parent's. */
  readonly macAddress: string;
  /** Name of the host's end of the veth pair; empty where there is none. */
  readonly hostInterface: string;
  /** Name of the interface in the container; where it is missing, `eth0`. */
  readonly containerInterface?: string;
  /** The endpoint with the highest leads to the outside; of equal ones, that of the first network's name. */
  readonly gatewayPriority?: number;
  /** Under which the other containers of a user-defined network find this one, beside its name. */
  readonly aliases?: readonly string[];
  /** `target:alias`: names that only this container has for others. */
  readonly links?: readonly string[];
}

/** One more network of a container. */
export interface FurtherNetwork {
  /** Name or id. */
  readonly network: string;
  readonly settings: Partial<EndpointSettings> | undefined;
}

export interface NetworkIdentity {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
}

export interface SandboxRequest {
  readonly containerId: string;
  /** For conflict messages. */
  readonly containerName: string;
  /** `bridge` (also `default`), `none` or `host`; a network's name or id; undefined: a namespace with nothing but a loopback. Not `container:`, which the engine resolves. */
  readonly networkMode: string | undefined;
  readonly exposedPorts: readonly string[];
  readonly portBindings: PortMap;
  readonly publishAll: boolean;
  readonly macAddress?: string | undefined;
  readonly endpointSettings?: Partial<EndpointSettings> | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
  readonly furtherNetworks?: readonly FurtherNetwork[];
  /** Also found under this name on user-defined networks. */
  readonly hostname?: string;
  /** `--dns`; none: the host's. */
  readonly nameServers?: readonly string[];
  /** Whose the namespace is; undefined: the host's. */
  readonly owner?: NamespaceOwner | undefined;
}

export type ConnectRequest = Pick<SandboxRequest, 'containerName' | 'exposedPorts' | 'portBindings' | 'publishAll' | 'hostname'> & FurtherNetwork;

export interface NetworkController {
  /** Makes bridge, table and relays, adopting what is there: live sandboxes keep their addresses and ports; what belongs to no live container is removed. */
  start(live: readonly { containerId: string; containerName: string; sandbox: Sandbox }[]): Promise<void>;
  /** Without the live containers, unless asked for. */
  list(filters: Readonly<Record<string, readonly string[]>>, options?: { readonly containers?: boolean }): NetworkInspect[];
  /** By name, id or unambiguous prefix; with the live containers. @throws network.not_found */
  inspect(reference: string): NetworkInspect;
  /**
   * Checks bindings and endpoint settings before anything is made, with Docker's texts. As in Docker a network
   * need not be there until the container starts.
   */
  validate(request: Pick<SandboxRequest, 'networkMode' | 'exposedPorts' | 'portBindings' | 'macAddress' | 'endpointSettings'>): void;
  /** Checks what is asked of one network, as {@link validate} does, with the texts of `network connect`. */
  validateEndpoint(network: string, settings: Partial<EndpointSettings>): void;
  /** The network of this name, id or beginning of an id. @throws network.not_found, network.ambiguous */
  identify(reference: string): NetworkIdentity;
  /** Makes a network and keeps it. @throws Docker's texts; nothing is left behind then */
  createNetwork(request: NetworkCreateRequest): Promise<NetworkIdentity>;
  /** @throws network.not_found, network.remove_predefined, network.in_use */
  removeNetwork(reference: string): Promise<NetworkIdentity>;
  /** Puts a running container on one more network; the sandbox as it is then. @throws network.endpoint_exists, network.address_in_use and the like; nothing is changed then */
  connect(containerId: string, request: ConnectRequest): Promise<Sandbox>;
  /** Takes a running container off a network. @throws network.not_connected */
  disconnect(containerId: string, request: Omit<ConnectRequest, 'settings'>): Promise<Sandbox>;
  /** Who can reach the published ports of a running container; none for one that does not run. */
  reach(containerId: string): PortReach[];
  /**
   * Publishes ports of a running container and gives others back, all or none of it; the sandbox as it is then.
   * @param change `remove` has bound ports
   * @throws network.port_not_available, network.publishing_impossible
   */
  changePorts(containerId: string, change: PortChange): Promise<Sandbox>;
  /**
   * Makes the namespace, its interfaces, addresses, routes and published ports; all or nothing.
   * @throws Docker's texts, whole: all begin with `failed to set up container networking: `. When a port is
   * taken, `details.holder` says by whom (`container web`, `process 17 (/usr/bin/python3)`), where that is known
   */
  create(request: SandboxRequest): Promise<Sandbox>;
  /** Gives everything back. Never fails for what is gone already. */
  destroy(containerId: string, sandbox: Sandbox): Promise<void>;
  /** Renames the container in conflict messages and in `inspect`. */
  rename(containerId: string, name: string): void;
  /** Name servers, search domains and options that a container with default DNS gets, from the host's resolv.conf; with mode `host` the file's as they are. */
  hostResolver(networkMode?: string): { servers: string[]; search: string[]; options: string[] };
  /** Stops relays and sockets; kernel state stays for live containers. */
  [Symbol.asyncDispose](): Promise<void>;
}
