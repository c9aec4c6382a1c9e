/** Published ports of a container that exists: changed at once where it runs, and for its later starts. */
import { fail } from '#base/errors/failure.ts';
import { applyPortChange } from '#network/port-changes.ts';
import { validatePortBindings } from '#network/port-specification.ts';
import type { HostConfig, PortMap, UpdateRequest } from '#schema/container-config.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';

export interface PortUpdate {
  readonly change: Partial<Pick<ContainerRecord, 'config' | 'sandbox'>>;
  readonly hostConfig: Partial<Pick<HostConfig, 'PortBindings' | 'PublishAllPorts'>>;
  /** Has the ports as they were, when what else was asked for cannot be. */
  undo(): Promise<void>;
}

const nothing: PortUpdate = { change: {}, hostConfig: {}, undo: async () => undefined };

/** The caller holds the container and writes the change down. @throws network.port_not_published, network.port_not_available, network.publishing_impossible */
export async function updatePorts(parts: EngineParts, record: ContainerRecord, { PortBindingsAdd: add = {}, PortBindingsRemove: remove = {} }: UpdateRequest): Promise<PortUpdate> {
  if (Object.keys(add).length === 0 && Object.keys(remove).length === 0) return nothing;
  const { id, name: container, config, hostConfig } = record;
  validatePortBindings(add);
  validatePortBindings(remove);
  const mode = hostConfig.NetworkMode;
  const shared = mode === 'host' ? "it uses the host's network" : mode.startsWith('container:') ? `it shares the network of ${mode}` : undefined;
  if (shared !== undefined) throw fail('network.publishing_impossible', { container, reason: shared });
  const running = isRunning(record.state);
  const current = { exposedPorts: Object.keys(config.ExposedPorts ?? {}), portBindings: hostConfig.PortBindings ?? {}, publishAll: hostConfig.PublishAllPorts };
  const bound = running ? (record.sandbox?.ports ?? {}) : {};
  const { wishes, withdrawn } = applyPortChange(container, current, bound, { add, remove });
  const sandbox = running ? await parts.networks.changePorts(id, { add, remove: withdrawn }) : undefined;
  return {
    change: {
      config: { ...config, ExposedPorts: Object.fromEntries(wishes.exposedPorts.map((port) => [port, {}])) },
      ...(sandbox !== undefined && { sandbox }),
    },
    hostConfig: { PortBindings: wishes.portBindings, PublishAllPorts: wishes.publishAll },
    async undo() {
      if (sandbox !== undefined) await parts.networks.changePorts(id, { add: withdrawn, remove: newIn(sandbox.ports, bound) });
    },
  };
}

/** The bound ports of one map that the other has not. */
function newIn(ports: PortMap, before: PortMap): PortMap {
  return Object.fromEntries(Object.entries(ports).map(([port, bindings]) => {
    const known = before[port] ?? [];
    return [port, (bindings ?? []).filter(({ HostIp, HostPort }) => !known.some((other) => other.HostIp === HostIp && other.HostPort === HostPort))];
  }));
}
