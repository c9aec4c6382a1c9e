/**
 * The networks of one engine, and what its running containers have of them. Everything a container needs
 * to go on without the engine is the kernel's: its namespace is kept by a bind mount, its address and ports
 * by bridge and firewall. Engines with other bridges and execution roots are not disturbed.
 */
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { EngineError, fail, invariant, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { createNetworkNamespace, createOwnedNetworkNamespace, inNetworkNamespace, keepOwnNetworkNamespace, removeNetworkNamespace, namesUserNamespace, userNamespacePath } from '#kernel/network-namespace.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { firewallChains } from '#kernel/nftables/filter-chains.ts';
import { findSocketHolder } from '#kernel/socket-holder.ts';
import type { EndpointSettings, PortMap } from '#schema/container-config.ts';
import type { NetworkCreateRequest, NetworkInspect } from '#schema/network-views.ts';
import type { PortReach } from '#schema/port-reach.ts';
import type { StateDatabase } from '#store/state-database.ts';
import { BridgeDriver } from './bridge-driver.ts';
import { BridgeNetwork } from './bridge-network.ts';
import type { ConnectRequest, Endpoint, NetworkController, NetworkIdentity, Sandbox, SandboxRequest } from './contract.ts';
import { NameService } from './dns/name-service.ts';
import { openResolverSockets } from './dns/resolver-sockets.ts';
import type { NetworkSettings } from './default-bridge.ts';
import { refuseUsedConfiguration } from './configuration-networks.ts';
import { validateEndpointSettings } from './endpoint-settings.ts';
import { Firewall } from './firewall.ts';
import { FirewallKeeper } from './firewall-keeper.ts';
import { canListenOnIPv6, ephemeralRange } from './host-ports.ts';
import { readHostResolver, type Resolver } from './host-resolver.ts';
import { parseAddress, subnetOf } from './ipv4-subnet.ts';
import { freeInterfaceName, hasInterface, waysOut } from './endpoint-order.ts';
import { recordFromRequest } from './network-creation.ts';
import type { AttachableNetwork, NetworkDriver } from './network-driver.ts';
import { applyEndpointSysctls, applySysctls, setLoopbackUp } from './namespace-settings.ts';
import { filterNetworks } from './network-filters.ts';
import { bridgeOption, interfaceOf, isPredefined, type NetworkRecord } from './network-record.ts';
import { NetworkRegistry } from './network-registry.ts';
import { keepPorts } from './kept-ports.ts';
import { hostDriver, nullDriver } from './plain-driver.ts';
import { removeSubInterfaces, SubInterfaceDriver } from './sub-interface-driver.ts';
import { PortAllocator } from './port-allocator.ts';
import { hostPortsOf, portRefusal, type PortChange } from './port-changes.ts';
import { reachOf } from './port-reach.ts';
import { PortPublisher, type Publication, type PublishOwner } from './port-publisher.ts';
import { validatePortBindings, type Protocol } from './port-specification.ts';

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

interface Attached {
  containerName: string;
  sandbox: Sandbox;
  publication: Publication | undefined;
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
  #publisher: PortPublisher | undefined;

  constructor(options: NetworkControllerOptions) {
    this.#options = options;
    this.#namespaces = join(options.executionRoot, 'netns');
    this.#registry = new NetworkRegistry(options.database);
    this.#firewall = new Firewall(this.#firewallTable);
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
    this.#publisher = new PortPublisher({ allocator, firewall: this.#firewall, six: this.#settings.relays !== false && canListenOnIPv6(), warn: this.#warn });
    for (const container of live) this.#adopt(this.#publisher, container);
    await this.#keeper.start();
    for (const { table, chain } of this.#firewall.obstacles()) {
      this.#warn(`chain ${chain} of nftables table ${table} drops forwarded packets by default: containers reach the outside only where its rules let packets of ${this.#options.bridgeName} pass`);
    }
    await this.#removeLeftoverNamespaces();
    for (const bridge of this.#bridges) await bridge.removeLeftovers(endpoints);
  }

  list(filters: Readonly<Record<string, readonly string[]>>, options: { readonly containers?: boolean } = {}): NetworkInspect[] {
    const views = this.#registry.all().map((network) => this.#view(network));
    // As in Docker the filters, too, know of the containers only where they are told.
    return filterNetworks(options.containers === true ? views : views.map((view) => ({ ...view, Containers: {} })), filters);
  }

  inspect(reference: string): NetworkInspect {
    return this.#view(this.#registry.find(reference));
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
    return identityOf(this.#registry.find(reference).record);
  }

  async createNetwork(request: NetworkCreateRequest): Promise<NetworkIdentity> {
    const all = this.#registry.all().map(({ record }) => record);
    const asked = recordFromRequest(request, all);
    const others = all.filter(({ ConfigOnly }) => !ConfigOnly);
    const driver = this.#drivers.find(({ name }) => name === asked.Driver);
    invariant(driver !== undefined, `there is no driver ${asked.Driver}`);
    const record = driver.complete(asked, others);
    if (record.Driver === 'bridge') refuseTwin(record, others);
    // Written down first: a crash from here on leaves a network, not a stray bridge.
    this.#registry.announce(record);
    let network: AttachableNetwork | undefined;
    try {
      network = driver.open(record, []);
      this.#registry.add(network);
      if (network instanceof BridgeNetwork) await this.#keeper.add(network);
    } catch (error) {
      await network?.remove();
      this.#registry.erase(record.Id);
      if (isFailure(error, 'network.not_a_bridge')) throw fail('network.existing_not_a_bridge', { name: error.details['name'] }, error);
      throw error;
    }
    return identityOf(record);
  }

  async removeNetwork(reference: string): Promise<NetworkIdentity> {
    const network = this.#registry.find(reference);
    const { record } = network;
    if (isPredefined(record.Name)) throw fail('network.remove_predefined', { name: record.Name });
    const used = Array.from(this.#attached.values()).flatMap(({ containerName, sandbox }) =>
      Object.values(sandbox.endpoints).filter(({ networkId }) => networkId === record.Id).map(({ id }) => `name:"${containerName}" id:"${id.slice(0, 12)}"`));
    refuseUsedConfiguration(record, this.#registry.all().map((other) => other.record));
    if (used.length > 0) throw fail('network.in_use', { name: record.Name, endpoints: used.join(', ') });
    this.#registry.retire(record.Id);
    // Both wait for the kernel: side by side.
    const closed = network instanceof BridgeNetwork ? this.#keeper.remove(network) : undefined;
    await Promise.all([closed, network.remove()]);
    network[Symbol.dispose]();
    this.#registry.erase(record.Id);
    return identityOf(record);
  }

  async connect(containerId: string, request: ConnectRequest): Promise<Sandbox> {
    const attached = this.#attached.get(containerId);
    invariant(attached !== undefined, `container ${containerId} has no sandbox`);
    const network = this.#registry.find(request.network);
    const { Name } = network.record;
    const before = attached.sandbox;
    if (before.endpoints[Name] !== undefined) throw fail('network.endpoint_exists', { container: attached.containerName, network: Name });
    using stack = new DisposableStack();
    const endpoint = this.#reserve(network, request.settings, {
      containerId, hostname: request.hostname ?? '', interface: freeInterfaceName(Object.values(before.endpoints), request.settings?.DriverOpts, interfacePrefixOf(network.record)),
    }, stack, false);
    const sandbox: Sandbox = { ...before, endpoints: { ...before.endpoints, [Name]: endpoint } };
    try {
      inNetworkNamespace(before.namespacePath, () => {
        const descriptor = openSync(before.namespacePath, 'r');
        try {
          network.connect(endpoint, descriptor, { interface: interfaceIn(endpoint), defaultRoute: false });
        } finally {
          closeSync(descriptor);
        }
        applyEndpointSysctls(request.settings?.DriverOpts, endpoint, interfaceIn(endpoint));
        this.#serveNames(containerId, sandbox);
        this.#setDefaultRoute(sandbox);
      });
    } catch (error) {
      await network.disconnect(endpoint, before.namespacePath);
      if (isFailure(error, 'network.interface_failed')) throw fail(error.code, { ...error.details, setup: false }, error);
      throw error;
    }
    stack.move();
    this.#names.add(containerId, attached.containerName, sandbox);
    attached.sandbox = sandbox;
    this.#movePorts(containerId, attached, request);
    return attached.sandbox;
  }

  async disconnect(containerId: string, request: Omit<ConnectRequest, 'settings'>): Promise<Sandbox> {
    const attached = this.#attached.get(containerId);
    invariant(attached !== undefined, `container ${containerId} has no sandbox`);
    const network = this.#registry.find(request.network);
    const { Name } = network.record;
    const { [Name]: endpoint, ...rest } = attached.sandbox.endpoints;
    if (endpoint === undefined) throw fail('network.not_connected', { id: containerId, network: Name });
    const sandbox: Sandbox = { ...attached.sandbox, endpoints: rest };
    this.#names.add(containerId, attached.containerName, sandbox);
    attached.sandbox = sandbox;
    this.#movePorts(containerId, attached, request);
    await network.disconnect(endpoint, sandbox.namespacePath);
    network.release(endpoint);
    inNetworkNamespace(sandbox.namespacePath, () => this.#setDefaultRoute(sandbox));
    return attached.sandbox;
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
    const attached = this.#attached.get(containerId);
    const publisher = this.#publisher;
    invariant(attached !== undefined && publisher !== undefined, `container ${containerId} has no sandbox`);
    const { containerName } = attached;
    const owner = this.#ownerOf(containerId, containerName, attached.sandbox);
    if (owner === undefined) throw fail('network.publishing_impossible', { container: containerName, reason: 'none of its networks can publish ports' });
    const add = (ports: PortMap): Publication => publisher.publish(owner, { exposedPorts: Object.keys(ports), portBindings: ports, publishAll: false });
    const publication = attached.publication ?? add({});
    // What is given back may be just what is asked for; only then it has to go first.
    const swaps = hostPortsOf(change.add).some((port) => hostPortsOf(change.remove).includes(port));
    try {
      if (swaps) publication.withdrawPart(change.remove);
      try {
        await this.#whileFirewallStands(() => publication.absorb(add(change.add)));
      } catch (error) {
        if (swaps) publication.absorb(add(change.remove));
        throw error;
      }
    } catch (error) {
      throw portRefusal(await this.#explained(error, containerName), containerName);
    }
    if (!swaps) publication.withdrawPart(change.remove);
    attached.publication = publication;
    attached.sandbox = { ...attached.sandbox, ports: publication.ports };
    return attached.sandbox;
  }

  /** Loads the firewall table again should somebody have taken it away. */
  async #whileFirewallStands<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      if (!isFailure(error, 'network.firewall_gone')) throw error;
      await this.#keeper.restore();
      return work();
    }
  }

  /** Leads the way out through the endpoint that has precedence now. The caller is inside the namespace. */
  #setDefaultRoute(sandbox: Sandbox): void {
    const { four, six } = waysOut(sandbox);
    if (four === undefined && six === undefined) return;
    using routes = new RouteSocket();
    if (four !== undefined) routes.setDefaultRoute(four.gateway, interfaceIn(four), 4);
    if (six?.six !== undefined) routes.setDefaultRoute(six.six.gateway, interfaceIn(six), 6);
  }

  /** Published ports lead to the endpoint with the way out; they move when that is another one now. */
  #movePorts(containerId: string, attached: Attached, request: Pick<SandboxRequest, 'exposedPorts' | 'portBindings' | 'publishAll'>): void {
    invariant(this.#publisher !== undefined, 'the network controller is not started');
    const { publication, sandbox } = attached;
    const owner = this.#ownerOf(containerId, attached.containerName, sandbox);
    if (owner?.address === publication?.owner.address && owner?.address6 === publication?.owner.address6) return;
    const ports = publication?.ports;
    publication?.withdraw();
    attached.publication = undefined;
    attached.sandbox = { ...sandbox, ports: {} };
    if (owner === undefined) return;
    const wanted = { ...request, portBindings: keepPorts(request, ports ?? {}) };
    try {
      attached.publication = this.#publisher.publish(owner, wanted);
      attached.sandbox = { ...sandbox, ports: attached.publication.ports };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#warn(`the ports of container ${attached.containerName} are not published any more: ${error.message}`);
    }
  }

  /** Takes an endpoint's address and names; given back when the stack is disposed. */
  #reserve(network: AttachableNetwork, settings: Partial<EndpointSettings> | undefined, place: { containerId: string; hostname: string; interface: string }, stack: DisposableStack, setup: boolean): Endpoint {
    let endpoint: Endpoint;
    try {
      endpoint = network.reserve({ macAddress: settings?.MacAddress ?? '', address: settings?.IPAMConfig?.IPv4Address ?? '', address6: settings?.IPAMConfig?.IPv6Address ?? '' });
    } catch (error) {
      if (setup || !(error instanceof EngineError)) throw error;
      throw fail(error.code, { ...error.details, setup: false }, error);
    }
    stack.defer(() => network.release(endpoint));
    if (!hasInterface(endpoint)) return endpoint;
    const { containerId, hostname } = place;
    return {
      ...endpoint,
      containerInterface: place.interface,
      gatewayPriority: settings?.GwPriority ?? 0,
      ...((settings?.IPAMConfig?.LinkLocalIPs ?? []).length > 0 && { linkLocal: settings?.IPAMConfig?.LinkLocalIPs ?? [] }),
      ...(!isPredefined(network.record.Name) && {
        aliases: [...new Set([...(settings?.Aliases ?? []), containerId.slice(0, 12), ...(hostname === '' ? [] : [hostname])])],
        links: settings?.Links ?? [],
      }),
    };
  }

  /** Opens the container's resolver unless it has one, or needs none. The caller is inside the namespace. */
  #serveNames(containerId: string, sandbox: Sandbox): void {
    if (!needsResolver(sandbox) || this.#names.serves(containerId)) return;
    this.#names.serve(containerId, openResolverSockets(), sandbox.nameServers ?? []);
  }

  async create(request: SandboxRequest): Promise<Sandbox> {
    try {
      return await this.#whileFirewallStands(() => this.#create(request));
    } catch (error) {
      throw await this.#explained(error, request.containerName);
    }
  }

  #create(request: SandboxRequest): Sandbox {
    const { containerId, containerName } = request;
    invariant(!this.#attached.has(containerId), `container ${containerId} has a sandbox already`);
    invariant(this.#publisher !== undefined, 'the network controller is not started');
    const id = newIdentifier();
    using stack = new DisposableStack();
    const { networkMode } = request;
    const settings = { ...request.endpointSettings, ...(request.macAddress ? { MacAddress: request.macAddress } : {}) };
    const main = networkMode === undefined ? [] : [{ network: networkMode, settings }];
    const places: { network: AttachableNetwork; endpoint: Endpoint; settings: Partial<EndpointSettings> | undefined }[] = [];
    for (const { network: reference, settings } of [...main, ...(request.furtherNetworks ?? [])]) {
      const network = this.#networkOf(reference);
      const name = freeInterfaceName(places.map(({ endpoint }) => endpoint), settings?.DriverOpts, interfacePrefixOf(network.record));
      places.push({ network, settings, endpoint: this.#reserve(network, settings, { containerId, hostname: request.hostname ?? '', interface: name }, stack, true) });
    }
    const separate = places.every(({ network }) => network.separate);
    const namespacePath = separate ? join(this.#namespaces, id.slice(0, 12)) : this.#hostNamespace;
    const users = request.owner;
    const unpublished: Sandbox = {
      id,
      namespacePath,
      ...(separate && users !== undefined && users.join === undefined && { userNamespacePath: userNamespacePath(namespacePath) }),
      endpoints: Object.fromEntries(places.map(({ network, endpoint }) => [network.record.Name, endpoint])),
      ports: {},
      ...((request.nameServers ?? []).length > 0 && { nameServers: request.nameServers ?? [] }),
    };
    const ways = waysOut(unpublished);
    const owner = this.#ownerOf(containerId, containerName, unpublished);
    const publication = owner === undefined ? undefined : this.#publisher.publish(owner, request);
    if (publication !== undefined) stack.defer(() => publication.withdraw());
    const sandbox: Sandbox = { ...unpublished, ports: publication?.ports ?? {} };
    if (separate) {
      stack.defer(() => this.#names.remove(containerId));
      const configure = (descriptor: number): void => {
        if (places.length === 0) setLoopbackUp();
        for (const { network, endpoint, settings } of places) {
          network.connect(endpoint, descriptor, { interface: interfaceIn(endpoint), defaultRoute: endpoint === ways.four, defaultRoute6: endpoint === ways.six });
          applyEndpointSysctls(settings?.DriverOpts, endpoint, interfaceIn(endpoint));
        }
        applySysctls(request.sysctls ?? {});
        this.#serveNames(containerId, sandbox);
      };
      if (users === undefined) createNetworkNamespace(namespacePath, configure);
      else createOwnedNetworkNamespace(namespacePath, users, configure);
    }
    this.#attached.set(containerId, { containerName, sandbox, publication });
    this.#names.add(containerId, containerName, sandbox);
    stack.move();
    return sandbox;
  }

  async destroy(containerId: string, sandbox: Sandbox): Promise<void> {
    const attached = this.#attached.get(containerId);
    // Everything is given back even if a part of it fails.
    using stack = new DisposableStack();
    if (attached?.sandbox.id === sandbox.id) {
      this.#attached.delete(containerId);
      stack.defer(() => this.#names.remove(containerId));
      for (const endpoint of Object.values(attached.sandbox.endpoints)) stack.defer(() => this.#registry.byId(endpoint.networkId)?.release(endpoint));
      stack.defer(() => attached.publication?.withdraw());
    }
    if (sandbox.namespacePath !== this.#hostNamespace) stack.defer(() => removeNetworkNamespace(sandbox.namespacePath));
    const exclusive = Object.values(sandbox.endpoints).some(({ networkId }) => this.#registry.byId(networkId)?.exclusive === true);
    if (exclusive) await this.#emptyNamespace(sandbox.namespacePath);
  }

  /** Takes away the interfaces that stand in the way of others like them, which the kernel would do only later. */
  async #emptyNamespace(path: string): Promise<void> {
    try {
      await removeSubInterfaces(path);
    } catch (error) {
      // What is no namespace any more has no interfaces either.
      if (!isFailure(error, 'kernel.syscall_failed') && !(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
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

  /** To whom the container's published ports lead; undefined: it has no way out, and none are published. */
  #ownerOf(containerId: string, containerName: string, sandbox: Pick<Sandbox, 'endpoints'>): PublishOwner | undefined {
    const publishes = (endpoint: Endpoint | undefined): Endpoint | undefined =>
      (endpoint !== undefined && this.#registry.byId(endpoint.networkId)?.publishesPorts === true ? endpoint : undefined);
    const ways = waysOut(sandbox);
    const [four, six] = [publishes(ways.four), publishes(ways.six)];
    const first = four ?? six;
    if (first === undefined) return undefined;
    const networkOf = (endpoint: Endpoint | undefined): BridgeNetwork | undefined => {
      const network = endpoint === undefined ? undefined : this.#registry.byId(endpoint.networkId);
      return network instanceof BridgeNetwork ? network : undefined;
    };
    const families = [{ family: 4, network: networkOf(four) }, { family: 6, network: networkOf(six) }] as const;
    return {
      containerId,
      containerName,
      endpointId: first.id,
      address: four?.address ?? '',
      address6: six?.six?.address,
      routed: families.flatMap(({ family, network }) => (network?.gatewayMode(family) === 'routed' ? [family] : [])),
      open: families.some(({ network }) => (network?.trustedInterfaces.length ?? 0) > 0),
      hostAddress: this.#hostAddressOf(first),
    };
  }

  /** Where the endpoint's network publishes ports that name no address; empty: everywhere. */
  #hostAddressOf(endpoint: Endpoint): string {
    const { Name = '', Options = {} } = this.#registry.byId(endpoint.networkId)?.record ?? {};
    const address = Options[bridgeOption.hostAddress] ?? '';
    // The default bridge's says so, too, where nobody has asked for it.
    if (address === '' || (address === '0.0.0.0' && isPredefined(Name))) return this.#settings.publishDefault ?? '';
    return address === '0.0.0.0' ? '' : address;
  }

  get #hostNamespace(): string {
    return join(this.#namespaces, 'default');
  }

  get #bridges(): BridgeNetwork[] {
    return this.#registry.all().filter((network) => network instanceof BridgeNetwork);
  }

  readonly #warn = (message: string): void => this.#options.warn?.(message);

  #adopt(publisher: PortPublisher, { containerId, containerName, sandbox }: { containerId: string; containerName: string; sandbox: Sandbox }): void {
    const owner = this.#ownerOf(containerId, containerName, sandbox);
    const publication = owner === undefined ? undefined : publisher.adopt(owner, sandbox.ports);
    this.#attached.set(containerId, { containerName, sandbox, publication });
    this.#names.add(containerId, containerName, sandbox);
    if (!needsResolver(sandbox)) return;
    try {
      inNetworkNamespace(sandbox.namespacePath, () => this.#serveNames(containerId, sandbox));
    } catch (error) {
      if (!isFailure(error, 'kernel.syscall_failed')) throw error;
      this.#warn(`container ${containerName} cannot resolve names any more: ${error.message}; restart it to have its resolver again`);
    }
  }

  async #removeLeftoverNamespaces(): Promise<void> {
    const exclusive = this.#registry.all().some((network) => network.exclusive === true);
    const kept = new Set(Array.from(this.#attached.values()).flatMap(({ sandbox }) => [sandbox.namespacePath, userNamespacePath(sandbox.namespacePath)]));
    kept.add(this.#hostNamespace);
    for (const name of readdirSync(this.#namespaces)) {
      const path = join(this.#namespaces, name);
      if (kept.has(path)) continue;
      if (exclusive && !namesUserNamespace(path)) await this.#emptyNamespace(path);
      removeNetworkNamespace(path);
    }
  }

  /** Undefined for what is no network yet. */
  #recordOf(mode: string): NetworkRecord | undefined {
    try {
      return this.#registry.find(networkReference(mode)).record;
    } catch (error) {
      if (isFailure(error, 'network.not_found')) return undefined;
      throw error;
    }
  }

  #networkOf(mode: string): AttachableNetwork {
    const reference = networkReference(mode);
    try {
      return this.#registry.find(reference);
    } catch (error) {
      if (isFailure(error, 'network.not_found')) throw fail('network.setup_not_found', { reference }, error);
      throw error;
    }
  }

  #view(network: AttachableNetwork): NetworkInspect {
    const Containers: NetworkInspect['Containers'] = {};
    for (const [containerId, { containerName, sandbox }] of this.#attached) {
      for (const endpoint of Object.values(sandbox.endpoints)) {
        if (endpoint.networkId === network.record.Id) Containers[containerId] = containerView(containerName, endpoint);
      }
    }
    const { engine: _engine, Options, Labels, ...shown } = network.record;
    const known = Object.entries(Containers).sort(([one], [other]) => (one < other ? -1 : 1));
    // In Docker's order: its command line prints what it is sent.
    return { ...shown, Containers: Object.fromEntries(known), Options, Labels };
  }

  /** Adds who holds a port, and what was being done to a failed system call. */
  async #explained(error: unknown, containerName: string): Promise<unknown> {
    if (!(error instanceof EngineError)) return error;
    const { details } = error;
    if (error.code === 'network.mac_unsupported') return fail(error.code, { ...details, endpoint: containerName }, error.cause);
    if (error.code === 'kernel.syscall_failed' || error.code === 'network.sub_interface_failed') return fail('network.setup_failed', { reason: error.message }, error);
    const holderId = details['holderId'];
    if (typeof holderId === 'string') {
      const name = this.#attached.get(holderId)?.containerName;
      return fail(error.code, { ...details, holder: name === undefined ? `container ${holderId.slice(0, 12)}` : `container ${name}` }, error.cause);
    }
    if (details['errno'] !== 'EADDRINUSE') return error;
    const holder = await findSocketHolder(details['protocol'] as Protocol, Number(details['port']));
    if (holder === undefined) return error;
    return fail(error.code, { ...details, holder: `process ${holder.pid} (${holder.executable})` }, error.cause);
  }
}

/** Two networks cannot have the same bridge. @throws network.same_bridge */
function refuseTwin(record: NetworkRecord, others: readonly NetworkRecord[]): void {
  const name = interfaceOf(record);
  const twin = others.find((other) => other.Driver === 'bridge' && interfaceOf(other) === name);
  if (twin !== undefined) throw fail('network.same_bridge', { id: record.Id, otherId: twin.Id, interface: name });
}

/** Only bridges have it, as in Docker. */
function interfacePrefixOf({ Driver, Options }: NetworkRecord): string | undefined {
  const prefix = Options[bridgeOption.interfacePrefix] ?? '';
  return Driver === 'bridge' && prefix !== '' ? prefix : undefined;
}

function identityOf({ Id, Name, Driver }: NetworkRecord): NetworkIdentity {
  return { id: Id, name: Name, driver: Driver };
}

function interfaceIn(endpoint: Endpoint): string {
  return endpoint.containerInterface ?? 'eth0';
}

/** Docker serves names on every network but the predefined ones. */
function needsResolver(sandbox: Sandbox): boolean {
  return Object.keys(sandbox.endpoints).some((name) => !isPredefined(name));
}

function networkReference(mode: string): string {
  return mode === 'default' || mode === '' ? 'bridge' : mode;
}

function containerView(Name: string, endpoint: Endpoint): NetworkInspect['Containers'][string] {
  const IPv4Address = endpoint.address === '' ? '' : `${endpoint.address}/${endpoint.prefixLength}`;
  const IPv6Address = endpoint.six === undefined ? '' : `${endpoint.six.address}/${endpoint.six.prefixLength}`;
  return { Name, EndpointID: endpoint.id, MacAddress: endpoint.macAddress, IPv4Address, IPv6Address };
}
