/** `GET /containers/{id}/reach`, this engine's own: who can reach a container's published ports, and what decides. */
export interface PortReach {
  /** `80/tcp`. */
  Port: string;
  HostIp: string;
  /** Empty: the port is open at the container's own address. */
  HostPort: string;
  /** By the addresses at which it is published: this machine alone, networks of private addresses it is on, or also public addresses. */
  Reach: 'loopback' | 'local' | 'everyone';
  /** The machine's addresses at which others find it. */
  Addresses: string[];
  /** Whether the kernel's firewall passes packets on to the container, or a program of this machine takes them first. */
  Path: 'forward' | 'input';
  /** The chains that packets from other machines have to pass, this engine's own first. */
  Firewall: PortFirewallChain[];
  /** One sentence for people. */
  Summary: string;
}

export interface PortFirewallChain {
  /** `ip filter`. */
  Table: string;
  Chain: string;
  /** Who manages it: this engine, its administrator's chain, or a program known by its tables. */
  Owner: 'engine' | 'admin' | 'ufw' | 'firewalld' | 'iptables' | 'nftables';
  Policy: 'accept' | 'drop';
  Rules: number;
}
