/** What a kind of network (bridge, host, none, …) has to bring along. */
import type { Endpoint } from './contract.ts';
import type { NetworkRecord } from './network-record.ts';

export interface EndpointRequest {
  /** '': one is made. */
  readonly macAddress: string;
  /** '': the lowest free. */
  readonly address: string;
  /** Of IPv6; '' or undefined: the lowest free, where the network has IPv6. */
  readonly address6?: string;
}

export interface NetworkDriver {
  readonly name: string;
  /** A network as {@link open} wants it, with what was not asked for chosen; `others` are the networks there are. @throws network.no_subnet and the like */
  complete(record: NetworkRecord, others: readonly NetworkRecord[]): NetworkRecord;
  /**
   * Makes the network's side of the kernel, or takes up what is there, and returns the network as it is
   * then. Addresses of live endpoints count as taken.
   */
  open(record: NetworkRecord, live: readonly Endpoint[]): AttachableNetwork;
}

/** Where an endpoint's interface goes in the container. */
export interface EndpointPlace {
  /** Name of the interface there, such as `eth0`. */
  readonly interface: string;
  /** Whether the container reaches the outside through this endpoint. */
  readonly defaultRoute: boolean;
  /** The same for IPv6. */
  readonly defaultRoute6?: boolean;
}

/** A network that containers can be attached to now. Disposing leaves the kernel as it is. */
export interface AttachableNetwork extends Disposable {
  readonly record: NetworkRecord;
  /** Whether a container on it has a namespace of its own. */
  readonly separate: boolean;
  /** Whether its containers can publish ports. */
  readonly publishesPorts: boolean;
  /** Takes address and names; nothing of the kernel's. @throws network.no_address, network.address_in_use */
  reserve(request: EndpointRequest): Endpoint;
  /** Makes the endpoint's interface while the caller is inside the container's namespace, of which `namespace` is a descriptor. */
  connect(endpoint: Endpoint, namespace: number, place: EndpointPlace): void;
  /** Removes the interface of a container that goes on, whose namespace is kept at this path. */
  disconnect(endpoint: Endpoint, namespacePath: string): Promise<void>;
  /** Removes the network's side of the kernel. */
  remove(): Promise<void>;
  /** Whether interfaces have to be gone before others like them can be made, so that they cannot be left to the end of the namespace. */
  readonly exclusive?: boolean;
  /** Gives back what {@link reserve} took. The interface goes with the namespace. */
  release(endpoint: Endpoint): void;
}
