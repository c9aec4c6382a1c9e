/**
 * The networks of one engine, and what its running containers have of them. Everything a container needs
 * to go on without the engine is the kernel's: its namespace is kept by a bind mount, its address and ports
 * by bridge and firewall. Engines with other bridges and execution roots are not disturbed.
 */
import { mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fail, invariant, isFailure } from '#base/errors/failure.ts';
import { keepOwnNetworkNamespace } from '#kernel/network-namespace.ts';
import { firewallChains } from '#kernel/nftables/filter-chains.ts';
import type { EndpointSettings } from '#schema/container-config.ts';
import type { NetworkCreateRequest, NetworkInspect } from '#schema/network-views.ts';
import type { PortReach } from '#schema/port-reach.ts';
import type { StateDatabase } from '#store/state-database.ts';
import { BridgeDriver } from './bridge-driver.ts';
import { BridgeNetwork } from './bridge-network.ts';
import type { ConnectRequest, NetworkController, NetworkIdentity, Sandbox, SandboxRequest } from './contract.ts';
import type { Attached, ControllerParts } from './controller-parts.ts';
import type { NetworkSettings } from './default-bridge.ts';
import { NameService } from './dns/name-service.ts';
import { validateEndpointSettings } from './endpoint-settings.ts';
import { explainFailure } from './explain-failure.ts';
import { Firewall } from './firewall.ts';
import { FirewallKeeper } from './firewall-keeper.ts';
import { canListenOnIPv6, ephemeralRange } from './host-ports.ts';
import { readHostResolver, type Resolver } from './host-resolver.ts';
import { parseAddress, subnetOf } from './ipv4-subnet.ts';
import { LiveConnections } from './live-connections.ts';
import type { AttachableNetwork, NetworkDriver } from './network-driver.ts';
import { filterNetworks } from './network-filters.ts';
import { makeNetwork, unmakeNetwork } from './network-making.ts';
import type { NetworkRecord } from './network-record.ts';
import { NetworkRegistry } from './network-registry.ts';
import { hostDriver, nullDriver } from './plain-driver.ts';
import { PortAllocator } from './port-allocator.ts';
import type { PortChange } from './port-changes.ts';
import { PortPublisher } from './port-publisher.ts';
import { reachOf } from './port-reach.ts';
import { validatePortBindings } from './port-specification.ts';
import { networkReference, Sandboxes } from './sandboxes.ts';
import { SubInterfaceDriver } from './sub-interface-driver.ts';
import { viewNetwork } from './view-network.ts';

export interface NetworkControllerOptions {
  readonly database: StateDatabase;
  /** A directory of this engine's own on a tmpfs; namespaces are kept in its `netns`. */
  readonly executionRoot: string;
  /** Interface of the default bridge; the firewall table is named after it. */
  readonly bridgeName: string;
  readonly settings?: NetworkSettings | undefined;
  /** What tells this engine apart from others, for its subnets of IPv6. Default: the bridge's name. */
  readonly engineId?: string | undefined;
  /** Told what does not stop the engine but a user should know. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** @throws network.invalid_bridge_name */
export function createNetworkController(options: NetworkControllerOptions): NetworkController {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(options.bridgeName)) throw fail('network.invalid_bridge_name', { name: options.bridgeName });
  return new KernelNetworkController(options);
}

class KernelNetworkController implements NetworkController {
  readonly #options: NetworkControllerOptions;
  readonly #namespaces: string;
  readonly #registry: NetworkRegistry;
  readonly #firewall: Firewall;
  readonly #keeper: FirewallKeeper;
  readonly #attached = new Map<string, Attached>();
  readonly #names: NameService;
  #drivers: readonly NetworkDriver[] = [];
  #bridgeDriver: BridgeDriver | undefined;
  #parts: { readonly sandboxes: Sandboxes; readonly connections: LiveConnections } | undefined;

  constructor(options: NetworkControllerOptions) {
    this.#options = options;
    this.#namespaces = join(options.executionRoot, 'netns');
    this.#registry = new NetworkRegistry(options.database);
    this.#firewall = new Firewall(this.#firewallTable, { families: options.settings?.firewall, direct: options.settings?.directRouting });
    this.#keeper = new FirewallKeeper({
      firewall: this.#firewall,
      bridgeName: options.bridgeName,
      forwarding: options.settings?.forwarding,
      bridges: () => this.#bridges,
      translations: () => Array.from(this.#attached.values()).flatMap(({ publication }) => publication?.translations ?? []),
      warn: this.#warn,
    });
    this.#names = new NameService({ warn: this.#warn });
  }

  async start(live: readonly { containerId: string; containerName: string; sandbox: Sandbox }[]): Promise<void> {
    // Threads of the pool take the namespace they are made in: have them before any is entered.
    await stat('/');
    const endpoints = live.flatMap(({ sandbox }) => Object.values(sandbox.endpoints));
    mkdirSync(this.#namespaces, { recursive: true, mode: 0o755 });
    keepOwnNetworkNamespace(this.#hostNamespace);
    const reserved = readHostResolver(true).servers.flatMap((server) => {
      const address = parseAddress(server);
      return address === undefined ? [] : [subnetOf(address, 32)];
    });
    const bridgeDriver = (this.#bridgeDriver = new BridgeDriver({ settings: this.#settings, reserved, engine: this.#options.engineId ?? this.#options.bridgeName }));
    this.#drivers = [bridgeDriver, hostDriver, nullDriver, new SubInterfaceDriver('macvlan', bridgeDriver.subnets), new SubInterfaceDriver('ipvlan', bridgeDriver.subnets)];
    this.#registry.open(this.#drivers, { bridgeName: this.#options.bridgeName, settings: this.#settings, live: endpoints, warn: this.#warn });
    const allocator = new PortAllocator(ephemeralRange());
    const parts: ControllerParts = {
      settings: this.#settings,
      registry: this.#registry,
      keeper: this.#keeper,
      attached: this.#attached,
      names: this.#names,
      publisher: new PortPublisher({ allocator, firewall: this.#firewall, six: canListenOnIPv6(), relays: this.#settings.relays !== false, warn: this.#warn }),
      namespaces: this.#namespaces,
      hostNamespace: this.#hostNamespace,
      warn: this.#warn,
    };
    const sandboxes = new Sandboxes(parts);
    this.#parts = { sandboxes, connections: new LiveConnections(parts) };
    for (const container of live) sandboxes.adopt(container);
    await this.#keeper.start();
    for (const { table, chain } of this.#firewall.obstacles()) {
      this.#warn(`chain ${chain} of nftables table ${table} drops forwarded packets by default: containers reach the outside only where its rules let packets of ${this.#options.bridgeName} pass`);
    }
    await sandboxes.removeLeftovers();
    for (const bridge of this.#bridges) await bridge.removeLeftovers(endpoints);
  }

  list(filters: Readonly<Record<string, readonly string[]>>, options: { readonly containers?: boolean } = {}): NetworkInspect[] {
    const views = this.#registry.all().map((network) => viewNetwork(network, this.#attached));
    // As in Docker the filters, too, know of the containers only where they are told.
    return filterNetworks(options.containers === true ? views : views.map((view) => ({ ...view, Containers: {} })), filters);
  }

  inspect(reference: string): NetworkInspect {
    return viewNetwork(this.#registry.find(reference), this.#attached);
  }

  validate(request: Pick<SandboxRequest, 'networkMode' | 'exposedPorts' | 'portBindings' | 'macAddress' | 'endpointSettings'>): void {
    validatePortBindings(request.portBindings);
    const settings = request.endpointSettings ?? {};
    const { networkMode = 'none' } = request;
    const record = this.#recordOf(networkMode);
    validateEndpointSettings(record?.Name ?? networkMode, request.macAddress === undefined ? settings : { ...settings, MacAddress: request.macAddress }, record);
  }

  validateEndpoint(network: string, settings: Partial<EndpointSettings>): void {
    validateEndpointSettings(undefined, settings, this.#registry.find(network).record);
  }

  identify(reference: string): NetworkIdentity {
    return identityOf(this.#findForUse(reference).record);
  }

  async createNetwork(request: NetworkCreateRequest): Promise<NetworkIdentity> {
    return identityOf(await makeNetwork({ registry: this.#registry, keeper: this.#keeper, drivers: this.#drivers }, request));
  }

  async removeNetwork(reference: string): Promise<NetworkIdentity> {
    return identityOf(await unmakeNetwork({ registry: this.#registry, keeper: this.#keeper, attached: this.#attached }, this.#findForUse(reference)));
  }

  async connect(containerId: string, request: ConnectRequest): Promise<Sandbox> {
    return await this.#started.connections.connect(containerId, request);
  }

  async disconnect(containerId: string, request: Omit<ConnectRequest, 'settings'>): Promise<Sandbox> {
    return await this.#started.connections.disconnect(containerId, request);
  }

  reach(containerId: string): PortReach[] {
    const publication = this.#attached.get(containerId)?.publication;
    if (publication === undefined) return [];
    const inside = new Set(this.#bridges.map((bridge) => bridge.interface));
    const hostAddresses = Object.entries(networkInterfaces()).flatMap(([name, list]) => (inside.has(name) ? [] : (list ?? []).map(({ address }) => address)));
    return reachOf({
      ports: publication.ports,
      hostAddresses,
      chains: firewallChains(),
      table: this.#firewallTable,
      translates: ({ HostIp, HostPort }, port) => publication.translations.some((translation) =>
        translation.hostAddress === HostIp && translation.hostPort === Number(HostPort) && `${translation.containerPort}/${translation.protocol}` === port),
    });
  }

  async changePorts(containerId: string, change: PortChange): Promise<Sandbox> {
    return await this.#started.connections.changePorts(containerId, change);
  }

  async create(request: SandboxRequest): Promise<Sandbox> {
    try {
      return await this.#keeper.whileStanding(() => this.#started.sandboxes.create(request));
    } catch (error) {
      throw await explainFailure(error, request.containerName, this.#attached);
    }
  }

  async destroy(containerId: string, sandbox: Sandbox): Promise<void> {
    await this.#started.sandboxes.destroy(containerId, sandbox);
  }

  rename(containerId: string, name: string): void {
    const attached = this.#attached.get(containerId);
    if (attached === undefined) return;
    attached.containerName = name;
    this.#names.add(containerId, name, attached.sandbox);
  }

  hostResolver(networkMode?: string): Resolver {
    return readHostResolver(networkMode === 'host');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#names[Symbol.dispose]();
    for (const { publication } of this.#attached.values()) publication?.[Symbol.dispose]();
    this.#attached.clear();
    this.#registry[Symbol.dispose]();
    this.#bridgeDriver?.[Symbol.dispose]();
    this.#keeper[Symbol.dispose]();
  }

  get #firewallTable(): string {
    return `dhow_${this.#options.bridgeName}`;
  }

  get #settings(): NetworkSettings {
    return this.#options.settings ?? {};
  }

  get #hostNamespace(): string {
    return join(this.#namespaces, 'default');
  }

  get #bridges(): BridgeNetwork[] {
    return this.#registry.all().filter((network) => network instanceof BridgeNetwork);
  }

  get #started(): { readonly sandboxes: Sandboxes; readonly connections: LiveConnections } {
    invariant(this.#parts !== undefined, 'the network controller is not started');
    return this.#parts;
  }

  /** As who makes use of a network is told. @throws network.not_found, network.ambiguous_use */
  #findForUse(reference: string): AttachableNetwork {
    try {
      return this.#registry.find(reference);
    } catch (error) {
      if (isFailure(error, 'network.ambiguous')) throw fail('network.ambiguous_use', error.details, error);
      throw error;
    }
  }

  readonly #warn = (message: string): void => this.#options.warn?.(message);

  /** Undefined for what is no network yet. */
  #recordOf(mode: string): NetworkRecord | undefined {
    try {
      return this.#registry.find(networkReference(mode)).record;
    } catch (error) {
      if (isFailure(error, 'network.not_found') || isFailure(error, 'network.ambiguous')) return undefined;
      throw error;
    }
  }
}

function identityOf({ Id, Name, Driver }: NetworkRecord): NetworkIdentity {
  return { id: Id, name: Name, driver: Driver };
}

