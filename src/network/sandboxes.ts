/** The sandboxes of running containers: namespaces with their interfaces, addresses and published ports, made all or nothing and given back whole. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail, invariant, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { createNetworkNamespace, createOwnedNetworkNamespace, inNetworkNamespace, namesUserNamespace, removeNetworkNamespace, userNamespacePath } from '#kernel/network-namespace.ts';
import type { EndpointSettings } from '#schema/container-config.ts';
import type { ControllerParts } from './controller-parts.ts';
import type { Endpoint, Sandbox, SandboxRequest } from './contract.ts';
import { needsResolver, serveNames } from './dns/serve-names.ts';
import { waysOut } from './endpoint-order.ts';
import { interfaceIn, interfaceNameFor, reserveEndpoint } from './endpoint-reservation.ts';
import { applyEndpointSysctls, applySysctls, setLoopbackUp } from './namespace-settings.ts';
import type { AttachableNetwork } from './network-driver.ts';
import { publishOwnerOf } from './publish-owner.ts';
import { removeSubInterfaces } from './sub-interface-driver.ts';

export class Sandboxes {
  readonly #parts: ControllerParts;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
  }

  /** Takes up a container that lives. */
  adopt({ containerId, containerName, sandbox }: { containerId: string; containerName: string; sandbox: Sandbox }): void {
    const { names, publisher, attached, warn } = this.#parts;
    const owner = publishOwnerOf(this.#parts, { containerId, containerName, sandbox });
    const publication = owner === undefined ? undefined : publisher.adopt(owner, sandbox.ports);
    attached.set(containerId, { containerName, sandbox, publication });
    names.add(containerId, containerName, sandbox);
    if (!needsResolver(sandbox)) return;
    try {
      inNetworkNamespace(sandbox.namespacePath, () => serveNames(this.#parts, containerId, sandbox));
    } catch (error) {
      if (!isFailure(error, 'kernel.syscall_failed')) throw error;
      warn(`container ${containerName} cannot resolve names any more: ${error.message}; restart it to have its resolver again`);
    }
  }

  /** All or nothing. @throws Docker's texts */
  create(request: SandboxRequest): Sandbox {
    const { names, publisher, attached } = this.#parts;
    const { containerId, containerName } = request;
    invariant(!attached.has(containerId), `container ${containerId} has a sandbox already`);
    const id = newIdentifier();
    using stack = new DisposableStack();
    const { networkMode } = request;
    const settings = { ...request.endpointSettings, ...(request.macAddress ? { MacAddress: request.macAddress } : {}) };
    const main = networkMode === undefined ? [] : [{ network: networkMode, settings }];
    const places: { network: AttachableNetwork; endpoint: Endpoint; settings: Partial<EndpointSettings> | undefined }[] = [];
    for (const { network: reference, settings } of [...main, ...(request.furtherNetworks ?? [])]) {
      const network = this.#networkOf(reference);
      const name = interfaceNameFor(network, settings, places.map(({ endpoint }) => endpoint));
      places.push({ network, settings, endpoint: reserveEndpoint(network, settings, { containerId, hostname: request.hostname ?? '', interface: name, setup: true }, stack) });
    }
    const separate = places.every(({ network }) => network.separate);
    const namespacePath = separate ? join(this.#parts.namespaces, id.slice(0, 12)) : this.#parts.hostNamespace;
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
    const owner = publishOwnerOf(this.#parts, { containerId, containerName, sandbox: unpublished });
    const publication = owner === undefined ? undefined : publisher.publish(owner, request);
    if (publication !== undefined) stack.defer(() => publication.withdraw());
    const sandbox: Sandbox = { ...unpublished, ports: publication?.ports ?? {} };
    if (separate) {
      stack.defer(() => names.remove(containerId));
      const configure = (descriptor: number): void => {
        if (places.length === 0) setLoopbackUp();
        for (const { network, endpoint, settings } of places) {
          network.connect(endpoint, descriptor, { interface: interfaceIn(endpoint), defaultRoute: endpoint === ways.four, defaultRoute6: endpoint === ways.six });
          applyEndpointSysctls(settings?.DriverOpts, endpoint, interfaceIn(endpoint));
        }
        applySysctls(request.sysctls ?? {});
        serveNames(this.#parts, containerId, sandbox);
      };
      if (users === undefined) createNetworkNamespace(namespacePath, configure);
      else createOwnedNetworkNamespace(namespacePath, users, configure);
    }
    attached.set(containerId, { containerName, sandbox, publication });
    names.add(containerId, containerName, sandbox);
    stack.move();
    return sandbox;
  }

  /** Never fails for what is gone already. */
  async destroy(containerId: string, sandbox: Sandbox): Promise<void> {
    const attached = this.#parts.attached.get(containerId);
    // Everything is given back even if a part of it fails.
    using stack = new DisposableStack();
    if (attached?.sandbox.id === sandbox.id) {
      this.#parts.attached.delete(containerId);
      stack.defer(() => this.#parts.names.remove(containerId));
      for (const endpoint of Object.values(attached.sandbox.endpoints)) stack.defer(() => this.#parts.registry.byId(endpoint.networkId)?.release(endpoint));
      stack.defer(() => attached.publication?.withdraw());
    }
    if (sandbox.namespacePath !== this.#parts.hostNamespace) stack.defer(() => removeNetworkNamespace(sandbox.namespacePath));
    const exclusive = Object.values(sandbox.endpoints).some(({ networkId }) => this.#parts.registry.byId(networkId)?.exclusive === true);
    if (exclusive) await this.#emptyNamespace(sandbox.namespacePath);
  }

  /** Removes namespaces that belong to no live container. */
  async removeLeftovers(): Promise<void> {
    const exclusive = this.#parts.registry.all().some((network) => network.exclusive === true);
    const kept = new Set(Array.from(this.#parts.attached.values()).flatMap(({ sandbox }) => [sandbox.namespacePath, userNamespacePath(sandbox.namespacePath)]));
    kept.add(this.#parts.hostNamespace);
    for (const name of readdirSync(this.#parts.namespaces)) {
      const path = join(this.#parts.namespaces, name);
      if (kept.has(path)) continue;
      if (exclusive && !namesUserNamespace(path)) await this.#emptyNamespace(path);
      removeNetworkNamespace(path);
    }
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

  #networkOf(mode: string): AttachableNetwork {
    const reference = networkReference(mode);
    try {
      return this.#parts.registry.find(reference);
    } catch (error) {
      if (isFailure(error, 'network.ambiguous')) throw fail('network.ambiguous_use', { ...error.details, setup: true }, error);
      if (isFailure(error, 'network.not_found')) throw fail('network.setup_not_found', { reference }, error);
      throw error;
    }
  }
}

/** The default network goes by several names. */
export function networkReference(mode: string): string {
  return mode === 'default' || mode === '' ? 'bridge' : mode;
}
