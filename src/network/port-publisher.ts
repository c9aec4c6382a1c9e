/**
 * Publishes a container's ports: takes them from the allocator, reserves each on the host and translates it in
 * the firewall. All of a container's ports or none.
 */
import { fail, isFailure, type EngineError } from '#base/errors/failure.ts';
import type { PortBinding, PortMap } from '#schema/container-config.ts';
import type { Firewall, PortTranslation } from './firewall.ts';
import type { PortAllocator, PortRange } from './port-allocator.ts';
import { PortReservations, targetOf, type Claim, type PublishOwner } from './port-reservations.ts';
import { groupBindings, parseContainerPort, protocolNumbers, type BindingGroup, type Protocol } from './port-specification.ts';

/** Published ports. Disposing gives back sockets and relays; kernel state is the owner's to keep or {@link withdraw}. */
export interface Publication extends Disposable {
  readonly owner: PublishOwner;
  readonly ports: PortMap;
  readonly translations: readonly PortTranslation[];
  /** Gives the ports back altogether. */
  withdraw(): void;
  /** Gives some of the bound ports back; those that are not bound are no error. */
  withdrawPart(going: PortMap): void;
  /** Takes over what another publication for the same container has, which must not be used any more. */
  absorb(other: Publication): void;
}

export class PortPublisher {
  readonly #allocator: PortAllocator;
  readonly #firewall: Firewall;
  readonly #six: boolean;
  readonly #relays: boolean;
  readonly #warn: (message: string) => void;
  readonly #reservations: PortReservations;

  /**
   * @param options.six whether sockets of IPv6 can be had; without, `::` is left out as in Docker
   * @param options.relays whether ports are served where the kernel does not translate; without, containers that have no IPv6 have no ports there, as in Docker
   */
  constructor(options: { allocator: PortAllocator; firewall: Firewall; six: boolean; relays: boolean; warn: (message: string) => void }) {
    this.#allocator = options.allocator;
    this.#firewall = options.firewall;
    this.#six = options.six;
    this.#relays = options.relays;
    this.#warn = options.warn;
    this.#reservations = new PortReservations({ relays: options.relays, translates: (family) => options.firewall.serves(family), warn: options.warn });
  }

  /** Nothing is left behind by a failure. @throws port errors with Docker's texts; the holder's container id in `details.holderId` */
  publish(owner: PublishOwner, request: { exposedPorts: readonly string[]; portBindings: PortMap; publishAll: boolean }): Publication {
    using stack = new DisposableStack();
    const ports: PortMap = {};
    for (const key of request.exposedPorts) ports[exposedKey(key)] = null;
    const translations: PortTranslation[] = [];
    for (const group of groupBindings(request.exposedPorts, request.portBindings, request.publishAll)) {
      for (const claim of this.#claimsOf(owner, group, stack)) {
        const bindings = claim.addresses.map((HostIp): PortBinding => ({ HostIp, HostPort: claim.hostPort === 0 ? '' : String(claim.hostPort) }));
        (ports[`${claim.containerPort}/${claim.protocol}`] ??= []).push(...bindings);
        translations.push(...this.#translationsOf(owner, claim));
      }
    }
    this.#firewall.add(translations);
    return this.#publication(owner, ports, translations, stack.move());
  }

  /** Takes up what an earlier engine published. A port that another program has taken meanwhile is told by a warning; the kernel's translation goes on. */
  adopt(owner: PublishOwner, ports: PortMap): Publication {
    using stack = new DisposableStack();
    const translations: PortTranslation[] = [];
    for (const claim of claimsOf(ports)) {
      translations.push(...this.#translationsOf(owner, claim));
      if (claim.hostPort === 0) continue;
      this.#allocator.claim(claim.addresses, claim.protocol, claim.hostPort, owner.containerId);
      stack.defer(() => this.#allocator.release(claim.addresses, claim.protocol, claim.hostPort, owner.containerId));
      for (const address of claim.addresses) {
        try {
          stack.use(this.#reservations.reserve(owner, claim, address));
        } catch (error) {
          if (!isFailure(error, 'kernel.syscall_failed')) throw error;
          this.#warn(`port ${address}:${claim.hostPort}/${claim.protocol} of container ${owner.containerName} cannot be reserved again: ${error.message}`);
        }
      }
    }
    return this.#publication(owner, ports, translations, stack.move());
  }

  #publication(owner: PublishOwner, bound: PortMap, translated: readonly PortTranslation[], held: DisposableStack): Publication {
    let ports = bound;
    let translations = translated;
    return {
      owner,
      get ports() {
        return ports;
      },
      get translations() {
        return translations;
      },
      withdraw: () => {
        using _held = held;
        this.#firewall.remove(translations);
      },
      withdrawPart: (going) => {
        const claims = claimsOf(going);
        const goes = ({ protocol, hostAddress, hostPort, containerPort }: PortTranslation): boolean => claims.some((claim) =>
          claim.protocol === protocol && claim.hostPort === hostPort && claim.containerPort === containerPort && claim.addresses.includes(hostAddress));
        this.#firewall.remove(translations.filter(goes));
        for (const { protocol, addresses, hostPort } of claims) for (const address of addresses) this.#giveBack(owner, protocol, address, hostPort);
        translations = translations.filter((translation) => !goes(translation));
        ports = withoutBindings(ports, going);
      },
      absorb: (other) => {
        held.use(other);
        translations = [...translations, ...other.translations];
        ports = mergeBindings(ports, other.ports);
      },
      [Symbol.dispose]: () => held.dispose(),
    };
  }

  /** What the firewall has to do for a claim, where it does anything. */
  #translationsOf(owner: PublishOwner, claim: Claim): PortTranslation[] {
    return translationsOf(owner, claim).filter(({ containerAddress }) => this.#firewall.serves(containerAddress.includes(':') ? 6 : 4));
  }

  /** What a group is given: ports of the host where they are translated, none where they are routed. */
  #claimsOf(owner: PublishOwner, group: BindingGroup, stack: DisposableStack): Claim[] {
    const { protocol, containerPort } = group;
    if (!isProtocol(protocol)) throw fail('network.unknown_protocol', { endpoint: owner.containerName, endpointId: owner.endpointId });
    const addresses = group.hostAddresses.flatMap((address) => this.#concrete(owner, address === '' ? (owner.hostAddress ?? '') : address, protocol));
    const isRouted = (address: string): boolean => owner.routed?.includes(address.includes(':') ? 6 : 4) === true;
    const translated = addresses.filter((address) => !isRouted(address));
    const routed = [...new Set(addresses.filter(isRouted).map((address) => (address.includes(':') ? '::' : '0.0.0.0')))];
    const claims = translated.length === 0 ? [] : [this.#claimPort(owner, { ...group, protocol }, translated, stack)];
    const open = routed.length === 0 ? [] : [{ protocol, addresses: routed, hostPort: 0, containerPort }];
    return (addresses[0] ?? '').includes(':') || !isRouted(addresses[0] ?? '') ? [...claims, ...open] : [...open, ...claims];
  }

  /** One port for all addresses of the group; of a range, the first that can be had. */
  #claimPort(owner: PublishOwner, group: BindingGroup & { readonly protocol: Protocol }, addresses: readonly string[], stack: DisposableStack): Claim {
    const told = { endpoint: owner.containerName, endpointId: owner.endpointId };
    const { protocol } = group;
    const range = { first: group.firstHostPort, last: group.lastHostPort };
    let refusal: EngineError | undefined;
    for (let remaining = this.#allocator.size(range); remaining > 0; remaining--) {
      const answer = this.#allocator.request(addresses, protocol, range, owner.containerId);
      if ('exhausted' in answer) break;
      if ('conflict' in answer) {
        throw fail('network.port_allocated', { ...told, address: answer.conflict.address, port: range.first, protocol, holderId: answer.conflict.holder });
      }
      const claim = { protocol, addresses, hostPort: answer.port, containerPort: group.containerPort };
      using attempt = new DisposableStack();
      attempt.defer(() => this.#allocator.release(addresses, protocol, answer.port, owner.containerId));
      refusal = this.#reserveAll(owner, claim, range, attempt);
      if (refusal === undefined) {
        stack.use(attempt.move());
        return claim;
      }
      if (refusal.details['errno'] !== 'EADDRINUSE') throw refusal;
    }
    throw refusal ?? fail('network.all_ports_allocated', told);
  }

  /** Reserves the port at all of the claim's addresses, or says why not. */
  #reserveAll(owner: PublishOwner, claim: Claim, range: PortRange, stack: DisposableStack): EngineError | undefined {
    for (const address of claim.addresses) {
      try {
        stack.use(this.#reservations.reserve(owner, claim, address));
      } catch (error) {
        if (!isFailure(error, 'kernel.syscall_failed')) throw error;
        return bindError(owner, claim, { address, range }, error);
      }
    }
    return undefined;
  }

  /** Gives one bound port back. */
  #giveBack(owner: PublishOwner, protocol: Protocol, address: string, hostPort: number): void {
    this.#reservations.giveBack(protocol, address, hostPort);
    this.#allocator.release([address], protocol, hostPort, owner.containerId);
  }

  /** The addresses to publish at, of the families that lead to the container. */
  #concrete(owner: PublishOwner, address: string, protocol: Protocol): string[] {
    const four = owner.address !== '';
    const relayed = four && this.#six && this.#relays && protocol !== 'sctp';
    const six = owner.address6 !== undefined || relayed;
    if (address === '') return [...(four ? ['0.0.0.0'] : []), ...(six && (owner.address6 === undefined || canBind6(this.#six, owner)) ? ['::'] : [])];
    // Explicit addresses of IPv6 are tried in any case: what stands in the way is told.
    if (address.includes(':')) return owner.address6 !== undefined || this.#relays ? [address] : [];
    return four ? [address] : [];
  }
}

/** Without sockets of IPv6 only routed ports need none. */
function canBind6(six: boolean, owner: PublishOwner): boolean {
  return six || owner.routed?.includes(6) === true;
}

function bindError(owner: PublishOwner, claim: Claim, wanted: { address: string; range: PortRange }, cause: EngineError): EngineError {
  const { errno, reason, syscall } = cause.details;
  const details = { endpoint: owner.containerName, endpointId: owner.endpointId, address: wanted.address, port: claim.hostPort, protocol: claim.protocol, errno, reason };
  if (claim.protocol === 'sctp') return fail('network.port_proxy_failed', details, cause);
  if (syscall === 'listen') return fail('network.port_listen_failed', details, cause);
  const { first, last } = wanted.range;
  const hostAddress = wanted.address.includes(':') ? `[${wanted.address}]` : wanted.address;
  const hostPorts = first === 0 ? '' : first === last ? String(first) : `${first}-${last}`;
  const target = targetOf(owner, wanted.address);
  const binding = `${hostAddress}:${hostPorts}:${target.includes(':') ? `[${target}]` : target}:${claim.containerPort}/${claim.protocol}`;
  return fail('network.port_bind_failed', { ...details, binding, attempted: first === last ? undefined : claim.hostPort }, cause);
}

/** The key in the map of ports; an unknown protocol shows as its number, which is none. */
function exposedKey(text: string): string {
  const { number, protocol } = parseContainerPort(text);
  return `${number}/${isProtocol(protocol) ? protocol : '0'}`;
}

function isProtocol(text: string): text is Protocol {
  return Object.hasOwn(protocolNumbers, text);
}

/** The claims that a map of published ports stands for. */
function claimsOf(ports: PortMap): Claim[] {
  return Object.entries(ports).flatMap(([key, bindings]) => {
    const { number: containerPort, protocol } = parseContainerPort(key);
    if (!isProtocol(protocol)) return [];
    return (bindings ?? []).map(({ HostIp, HostPort }) => ({ protocol, addresses: [HostIp], hostPort: Number(HostPort), containerPort }));
  });
}

/** A port of which no binding is left is exposed still. */
function withoutBindings(ports: PortMap, going: PortMap): PortMap {
  return Object.fromEntries(Object.entries(ports).map(([port, bindings]) => {
    const gone = going[port] ?? [];
    const kept = (bindings ?? []).filter(({ HostIp, HostPort }) => !gone.some((other) => other.HostIp === HostIp && other.HostPort === HostPort));
    return [port, kept.length === 0 ? null : kept];
  }));
}

function mergeBindings(ports: PortMap, more: PortMap): PortMap {
  const merged = { ...ports };
  for (const [port, bindings] of Object.entries(more)) merged[port] = bindings === null ? (merged[port] ?? null) : [...(merged[port] ?? []), ...bindings];
  return merged;
}

/** What the kernel has to do for a claim; relays do the rest. */
function translationsOf(owner: PublishOwner, claim: Claim): PortTranslation[] {
  return claim.addresses.flatMap((hostAddress) => {
    const containerAddress = targetOf(owner, hostAddress);
    if (containerAddress === '' || containerAddress.includes(':') !== hostAddress.includes(':')) return [];
    return [{ protocol: claim.protocol, hostAddress, hostPort: claim.hostPort, containerAddress, containerPort: claim.containerPort, open: claim.hostPort === 0 || owner.open === true }];
  });
}
