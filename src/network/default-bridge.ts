/** How the daemon's configuration wants networks: the default bridge, and what others get that ask for nothing. */

export interface SubnetPool {
  /** A subnet in CIDR notation from which smaller ones are cut. */
  readonly base: string;
  /** Prefix length of those. */
  readonly prefixLength: number;
}

export interface NetworkSettings {
  /** The default bridge's address with prefix length; undefined: chosen, as with all that may be undefined here. */
  readonly bip?: string | undefined;
  /** The part of its subnet from which containers get addresses. */
  readonly fixedRange?: string | undefined;
  /** Where its containers' default route leads, other than to the bridge. */
  readonly defaultGateway?: string | undefined;
  /** Whether it has IPv6, too. Default: no. */
  readonly six?: boolean | undefined;
  /** Its IPv6 address with prefix length. */
  readonly bip6?: string | undefined;
  /** As the one of IPv4; without {@link bip6} it is the whole subnet. */
  readonly fixedRange6?: string | undefined;
  readonly defaultGateway6?: string | undefined;
  readonly mtu?: number | undefined;
  /** Whether its containers reach one another. Default: yes. */
  readonly betweenContainers?: boolean | undefined;
  /** Whether what leaves it takes the host's address. Default: yes. */
  readonly masquerade?: boolean | undefined;
  /** Address that ports are published at which name none. Default: all. */
  readonly hostAddress?: string | undefined;
  /** Address that ports are published at on every network, where neither port nor network names one. Default: all. */
  readonly publishDefault?: string | undefined;
  /** Where subnets are taken from for networks that name none. Default: Docker's pools. */
  readonly pools?: readonly SubnetPool[] | undefined;
  /** Whether the engine switches forwarding on. Default: yes. */
  readonly forwarding?: boolean | undefined;
  /** Families of addresses whose packets the engine filters and translates. Default: both. */
  readonly firewall?: readonly (4 | 6)[] | undefined;
  /** Whether published ports can be reached at the containers' own addresses from other machines. Default: no. */
  readonly directRouting?: boolean | undefined;
  /** Whether ports are served, too, at addresses that the kernel does not translate. Default: yes. */
  readonly relays?: boolean | undefined;
}
