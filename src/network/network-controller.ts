/**
 * The networks of one engine, and what its running containers have of them. Everything a container needs
 * to go on without the engine is the kernel's: its namespace is kept by a bind mount, its address and ports
 * by bridge and firewall. Engines with other bridges and execution roots are not disturbed.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, fail, invariant, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { BoundSocket } from '#kernel/bound-socket.ts';
import { createNetworkNamespace, keepOwnNetworkNamespace, removeNetworkNamespace } from '#kernel/network-namespace.ts';
import { findSocketHolder } from '#kernel/socket-holder.ts';
import { readSysctl, writeSysctl } from '#kernel/sysctl.ts';
import type { NetworkInspect } from '#schema/network-views.ts';
import type { StateDatabase } from '#store/state-database.ts';
import { BridgeDriver, BridgeNetwork, enableForwarding } from './bridge-driver.ts';
import type { Endpoint, NetworkController, Sandbox, SandboxRequest } from './contract.ts';
import { validateEndpointSettings } from './endpoint-settings.ts';
import { Firewall } from './firewall.ts';
import { readHostResolver, type Resolver } from './host-resolver.ts';
import { parseAddress, subnetOf } from './ipv4-subnet.ts';
import type { AttachableNetwork } from './network-driver.ts';
import { filterNetworks } from './network-filters.ts';
import { NetworkRegistry } from './network-registry.ts';
import { hostDriver, nullDriver } from './plain-driver.ts';
import { PortAllocator } from './port-allocator.ts';
import { PortPublisher, type Publication } from './port-publisher.ts';
import { validatePortBindings, type Protocol } from './port-specification.ts';

export interface NetworkControllerOptions {
  readonly database: StateDatabase;
  /** A directory of this engine's own on a tmpfs; namespaces are kept in its `netns`. */
  readonly executionRoot: string;
  /** Interface of the default bridge; the firewall table is named after it. */
  readonly bridgeName: string;
  /** The default bridge's address with prefix length; undefined: chosen. */
  readonly bip: string | undefined;
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
  readonly sandbox: Sandbox;
  readonly publication: Publication | undefined;
}

class KernelNetworkController implements NetworkController {
  readonly #options: NetworkControllerOptions;
  readonly #namespaces: string;
  readonly #registry: NetworkRegistry;
  readonly #firewall: Firewall;
  readonly #attached = new Map<string, Attached>();
  #publisher: PortPublisher | undefined;

  constructor(options: NetworkControllerOptions) {
    this.#options = options;
    this.#namespaces = join(options.executionRoot, 'netns');
    this.#registry = new NetworkRegistry(options.database);
    this.#firewall = new Firewall(`dhow_${options.bridgeName}`);
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
    this.#registry.open([new BridgeDriver({ bip: this.#options.bip, reserved }), hostDriver, nullDriver], { bridgeName: this.#options.bridgeName, live: endpoints });
    const allocator = new PortAllocator(ephemeralRange());
    this.#publisher = new PortPublisher({ allocator, firewall: this.#firewall, six: canListenOnIPv6(), warn: this.#warn });
    for (const container of live) this.#adopt(this.#publisher, container);
    await this.#loadFirewall();
    for (const { table, chain } of this.#firewall.obstacles()) {
      this.#warn(`chain ${chain} of nftables table ${table} drops forwarded packets by default: containers reach the outside only where its rules let packets of ${this.#options.bridgeName} pass`);
    }
    this.#removeLeftoverNamespaces();
    for (const bridge of this.#bridges) await bridge.removeLeftovers(endpoints);
  }

  list(filters: Readonly<Record<string, readonly string[]>>): NetworkInspect[] {
    const views = this.#registry.all().map((network) => this.#view(network));
    // As in Docker, only a single network's view tells its containers.
    return filterNetworks(views, filters).map((view) => ({ ...view, Containers: {} }));
  }

  inspect(reference: string): NetworkInspect {
    return this.#view(this.#registry.find(reference));
  }

  validate(request: Pick<SandboxRequest, 'networkMode' | 'exposedPorts' | 'portBindings' | 'macAddress' | 'endpointSettings'>): void {
    validatePortBindings(request.portBindings);
    const settings = request.endpointSettings ?? {};
    validateEndpointSettings(this.#nameOf(request.networkMode), request.macAddress === undefined ? settings : { ...settings, MacAddress: request.macAddress });
  }

  async create(request: SandboxRequest): Promise<Sandbox> {
    try {
      try {
        return this.#create(request);
      } catch (error) {
        if (!isFailure(error, 'network.firewall_gone')) throw error;
        this.#warn(`the firewall rules of ${this.#options.bridgeName} were taken away by somebody; they are loaded again`);
        await this.#loadFirewall();
        return this.#create(request);
      }
    } catch (error) {
      throw await this.#explained(error);
    }
  }

  #create(request: SandboxRequest): Sandbox {
    const { containerId, containerName } = request;
    invariant(!this.#attached.has(containerId), `container ${containerId} has a sandbox already`);
    invariant(this.#publisher !== undefined, 'the network controller is not started');
    const network = this.#networkOf(request.networkMode);
    const id = newIdentifier();
    using stack = new DisposableStack();
    const endpoint = network.reserve({
      macAddress: request.macAddress || (request.endpointSettings?.MacAddress ?? ''),
      address: request.endpointSettings?.IPAMConfig?.IPv4Address ?? '',
    });
    stack.defer(() => network.release(endpoint));
    const publication = network.publishesPorts
      ? this.#publisher.publish({ containerId, containerName, endpointId: endpoint.id, address: endpoint.address }, request)
      : undefined;
    if (publication !== undefined) stack.defer(() => publication.withdraw());
    const namespacePath = network.separate ? join(this.#namespaces, id.slice(0, 12)) : this.#hostNamespace;
    if (network.separate) {
      createNetworkNamespace(namespacePath, (descriptor) => {
        network.connect(endpoint, descriptor);
        applySysctls(request.sysctls ?? {});
      });
    }
    const sandbox: Sandbox = { id, namespacePath, endpoints: { [network.record.Name]: endpoint }, ports: publication?.ports ?? {} };
    this.#attached.set(containerId, { containerName, sandbox, publication });
    stack.move();
    return sandbox;
  }

  async destroy(containerId: string, sandbox: Sandbox): Promise<void> {
    const attached = this.#attached.get(containerId);
    // Everything is given back even if a part of it fails.
    using stack = new DisposableStack();
    if (attached?.sandbox.id === sandbox.id) {
      this.#attached.delete(containerId);
      for (const endpoint of Object.values(sandbox.endpoints)) stack.defer(() => this.#registry.byId(endpoint.networkId)?.release(endpoint));
      stack.defer(() => attached.publication?.withdraw());
    }
    if (sandbox.namespacePath !== this.#hostNamespace) stack.defer(() => removeNetworkNamespace(sandbox.namespacePath));
  }

  rename(containerId: string, name: string): void {
    const attached = this.#attached.get(containerId);
    if (attached !== undefined) attached.containerName = name;
  }

  hostResolver(networkMode?: string): Resolver {
    return readHostResolver(networkMode === 'host');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { publication } of this.#attached.values()) publication?.[Symbol.dispose]();
    this.#attached.clear();
    this.#registry[Symbol.dispose]();
    this.#firewall[Symbol.dispose]();
  }

  get #hostNamespace(): string {
    return join(this.#namespaces, 'default');
  }

  get #bridges(): BridgeNetwork[] {
    return this.#registry.all().filter((network) => network instanceof BridgeNetwork);
  }

  readonly #warn = (message: string): void => this.#options.warn?.(message);

  #adopt(publisher: PortPublisher, { containerId, containerName, sandbox }: { containerId: string; containerName: string; sandbox: Sandbox }): void {
    const published = Object.values(sandbox.endpoints).find((endpoint) => this.#registry.byId(endpoint.networkId)?.publishesPorts === true);
    const publication = published === undefined
      ? undefined
      : publisher.adopt({ containerId, containerName, endpointId: published.id, address: published.address }, sandbox.ports);
    this.#attached.set(containerId, { containerName, sandbox, publication });
  }

  async #loadFirewall(): Promise<void> {
    const { loopback } = enableForwarding(this.#options.bridgeName);
    const translations = Array.from(this.#attached.values()).flatMap(({ publication }) => publication?.translations ?? []);
    await this.#firewall.load(this.#bridges, { loopback, translations });
  }

  #removeLeftoverNamespaces(): void {
    const kept = new Set(Array.from(this.#attached.values(), ({ sandbox }) => sandbox.namespacePath));
    kept.add(this.#hostNamespace);
    for (const name of readdirSync(this.#namespaces)) {
      const path = join(this.#namespaces, name);
      if (!kept.has(path)) removeNetworkNamespace(path);
    }
  }

  /** The network's name, also when its id is given; what is no network is taken for the name of one to come. */
  #nameOf(mode: string): string {
    try {
      return this.#registry.find(networkReference(mode)).record.Name;
    } catch (error) {
      if (isFailure(error, 'network.not_found')) return mode;
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
    return { ...network.record, Containers };
  }

  /** Adds who holds a port, and what was being done to a failed system call. */
  async #explained(error: unknown): Promise<unknown> {
    if (!(error instanceof EngineError)) return error;
    const { details } = error;
    if (error.code === 'kernel.syscall_failed') return fail('network.setup_failed', { reason: error.message }, error);
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

function networkReference(mode: string): string {
  return mode === 'default' || mode === '' ? 'bridge' : mode;
}

function containerView(Name: string, endpoint: Endpoint): NetworkInspect['Containers'][string] {
  const IPv4Address = endpoint.address === '' ? '' : `${endpoint.address}/${endpoint.prefixLength}`;
  return { Name, EndpointID: endpoint.id, MacAddress: endpoint.macAddress, IPv4Address, IPv6Address: '' };
}

/** Those of the network, which belong to the namespace the caller is in; others are the OCI runtime's to set. */
function applySysctls(sysctls: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(sysctls)) if (/^net[./]/.test(name)) writeSysctl(name, value);
}

/** The ports that the kernel gives to outgoing connections, from which random host ports are taken as in Docker. */
function ephemeralRange(): { first: number; last: number } {
  const [first = 32768, last = 60999] = (readSysctl('net.ipv4.ip_local_port_range') ?? '').split(/\s+/).filter((text) => text !== '').map(Number);
  return { first, last };
}

function canListenOnIPv6(): boolean {
  try {
    using _socket = new BoundSocket('tcp', '::1', 0);
    return true;
  } catch (error) {
    if (isFailure(error, 'kernel.syscall_failed')) return false;
    throw error;
  }
}
