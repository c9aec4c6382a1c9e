/** Changes of what running containers have of the network: further networks and fewer, other published ports. */
import { closeSync, openSync } from 'node:fs';
import { EngineError, fail, invariant, isFailure } from '#base/errors/failure.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { PortMap } from '#schema/container-config.ts';
import type { Attached, ControllerParts } from './controller-parts.ts';
import type { ConnectRequest, Sandbox, SandboxRequest } from './contract.ts';
import { serveNames } from './dns/serve-names.ts';
import { waysOut } from './endpoint-order.ts';
import { interfaceIn, interfaceNameFor, reserveEndpoint } from './endpoint-reservation.ts';
import { explainFailure } from './explain-failure.ts';
import { keepPorts } from './kept-ports.ts';
import { applyEndpointSysctls } from './namespace-settings.ts';
import { hostPortsOf, portRefusal, type PortChange } from './port-changes.ts';
import type { Publication } from './port-publisher.ts';
import { publishOwnerOf } from './publish-owner.ts';

export class LiveConnections {
  readonly #parts: ControllerParts;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
  }

  async connect(containerId: string, request: ConnectRequest): Promise<Sandbox> {
    const attached = this.#parts.attached.get(containerId);
    invariant(attached !== undefined, `container ${containerId} has no sandbox`);
    const network = this.#parts.registry.find(request.network);
    const { Name } = network.record;
    const before = attached.sandbox;
    if (before.endpoints[Name] !== undefined) throw fail('network.endpoint_exists', { container: attached.containerName, network: Name });
    using stack = new DisposableStack();
    const endpoint = reserveEndpoint(network, request.settings, {
      containerId, hostname: request.hostname ?? '', interface: interfaceNameFor(network, request.settings, Object.values(before.endpoints)), setup: false,
    }, stack);
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
        serveNames(this.#parts, containerId, sandbox);
        setDefaultRoute(sandbox);
      });
    } catch (error) {
      await network.disconnect(endpoint, before.namespacePath);
      if (isFailure(error, 'network.interface_failed')) throw fail(error.code, { ...error.details, setup: false }, error);
      throw error;
    }
    stack.move();
    this.#parts.names.add(containerId, attached.containerName, sandbox);
    attached.sandbox = sandbox;
    this.#movePorts(containerId, attached, request);
    return attached.sandbox;
  }

  async disconnect(containerId: string, request: Omit<ConnectRequest, 'settings'>): Promise<Sandbox> {
    const attached = this.#parts.attached.get(containerId);
    invariant(attached !== undefined, `container ${containerId} has no sandbox`);
    const network = this.#parts.registry.find(request.network);
    const { Name } = network.record;
    const { [Name]: endpoint, ...rest } = attached.sandbox.endpoints;
    if (endpoint === undefined) throw fail('network.not_connected', { id: containerId, network: Name });
    const sandbox: Sandbox = { ...attached.sandbox, endpoints: rest };
    this.#parts.names.add(containerId, attached.containerName, sandbox);
    attached.sandbox = sandbox;
    this.#movePorts(containerId, attached, request);
    await network.disconnect(endpoint, sandbox.namespacePath);
    network.release(endpoint);
    inNetworkNamespace(sandbox.namespacePath, () => setDefaultRoute(sandbox));
    return attached.sandbox;
  }

  async changePorts(containerId: string, change: PortChange): Promise<Sandbox> {
    const attached = this.#parts.attached.get(containerId);
    const { publisher, keeper } = this.#parts;
    invariant(attached !== undefined, `container ${containerId} has no sandbox`);
    const { containerName } = attached;
    const owner = publishOwnerOf(this.#parts, { containerId, containerName, sandbox: attached.sandbox });
    if (owner === undefined) throw fail('network.publishing_impossible', { container: containerName, reason: 'none of its networks can publish ports' });
    const add = (ports: PortMap): Publication => publisher.publish(owner, { exposedPorts: Object.keys(ports), portBindings: ports, publishAll: false });
    const publication = attached.publication ?? add({});
    // What is given back may be just what is asked for; only then it has to go first.
    const swaps = hostPortsOf(change.add).some((port) => hostPortsOf(change.remove).includes(port));
    try {
      if (swaps) publication.withdrawPart(change.remove);
      try {
        await keeper.whileStanding(() => publication.absorb(add(change.add)));
      } catch (error) {
        if (swaps) publication.absorb(add(change.remove));
        throw error;
      }
    } catch (error) {
      throw portRefusal(await explainFailure(error, containerName, this.#parts.attached), containerName);
    }
    if (!swaps) publication.withdrawPart(change.remove);
    attached.publication = publication;
    attached.sandbox = { ...attached.sandbox, ports: publication.ports };
    return attached.sandbox;
  }

  /** Published ports lead to the endpoint with the way out; they move when that is another one now. */
  #movePorts(containerId: string, attached: Attached, request: Pick<SandboxRequest, 'exposedPorts' | 'portBindings' | 'publishAll'>): void {
    const { publication, sandbox } = attached;
    const owner = publishOwnerOf(this.#parts, { containerId, containerName: attached.containerName, sandbox });
    if (owner?.address === publication?.owner.address && owner?.address6 === publication?.owner.address6) return;
    const ports = publication?.ports;
    publication?.withdraw();
    attached.publication = undefined;
    attached.sandbox = { ...sandbox, ports: {} };
    if (owner === undefined) return;
    const wanted = { ...request, portBindings: keepPorts(request, ports ?? {}) };
    try {
      attached.publication = this.#parts.publisher.publish(owner, wanted);
      attached.sandbox = { ...sandbox, ports: attached.publication.ports };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#parts.warn(`the ports of container ${attached.containerName} are not published any more: ${error.message}`);
    }
  }
}

/** Leads the way out through the endpoint that has precedence now. The caller is inside the namespace. */
function setDefaultRoute(sandbox: Sandbox): void {
  const { four, six } = waysOut(sandbox);
  if (four === undefined && six === undefined) return;
  using routes = new RouteSocket();
  if (four !== undefined) routes.setDefaultRoute(four.gateway, interfaceIn(four), 4);
  if (six?.six !== undefined) routes.setDefaultRoute(six.six.gateway, interfaceIn(six), 6);
}
