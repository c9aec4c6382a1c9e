/** The network endpoints' use cases. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { parseTimestamp } from '#base/timestamp.ts';
import { subnetUsage } from '#network/subnet-usage.ts';
import type { ContainerRecord } from './containers/container-record.ts';
import { isRunning } from './containers/container-state.ts';
import type { EngineParts } from './containers/engine-parts.ts';
import { isUserDefined } from './containers/network-attachments.ts';
import { connectContainer, disconnectContainer } from './containers/network-connections.ts';
import { OnePrune } from './one-prune.ts';
import { pruneFilter } from './containers/prune-filter.ts';
import type { Filters, NetworkUseCases } from './contract.ts';

const pruneFilters = new Set(['label', 'label!', 'until']);

export function networkUseCases(parts: EngineParts): NetworkUseCases {
  const { networks, events, registry, mutex } = parts;
  const publish = (action: 'create' | 'destroy', { id, name, driver }: { id: string; name: string; driver: string }): void => {
    events.publish({ type: 'network', action, id, attributes: { name, type: driver } });
  };

  /** Containers that have ended give their endpoints back shortly after they are seen to. */
  const settle = async (network: { id: string; name: string }): Promise<void> => {
    for (const record of registry.all()) {
      if (isOn(record, network) && !isRunning(record.state)) (await mutex.acquire(record.id))[Symbol.dispose]();
    }
  };

  const prunes = new OnePrune();

  return {
    list: async (filters, options) => networks.list(filters, options),
    async inspect(reference, { usage = false } = {}) {
      const network = networks.inspect(reference);
      return usage ? { ...network, Status: { IPAM: { Subnets: subnetUsage(network) } } } : network;
    },

    async create(request) {
      const fromConfiguration = (request.ConfigFrom?.Network ?? '') !== '';
      const standard = fromConfiguration ? {} : parts.configuration.current.networkOptions[request.Driver === '' ? 'bridge' : request.Driver];
      const network = await networks.createNetwork({ ...request, Options: { ...standard, ...request.Options } });
      publish('create', network);
      return { Id: network.id, Warning: '' };
    },

    async remove(reference) {
      await settle(networks.identify(reference));
      publish('destroy', await networks.removeNetwork(reference));
    },

    connect: async (reference, request) => {
      if (request.Container === '') throw fail('network.container_missing', { reference: request.Container });
      await connectContainer(parts, reference, request.Container, request.EndpointConfig ?? {});
    },
    disconnect: async (reference, request) => {
      if (request.Container === '') throw fail('network.container_missing', { reference: request.Container });
      await disconnectContainer(parts, reference, request.Container, request.Force);
    },

    async prune(filters: Filters, signal) {
      return prunes.run(async () => {
        for (const name of Object.keys(filters)) if (!pruneFilters.has(name)) throw fail('network.invalid_filter', { name });
        const matches = pruneFilter(filters);
        const deleted: string[] = [];
        for (const { Id, Name, Created, Labels, ConfigOnly } of networks.list({})) {
          signal.throwIfAborted();
          if (!isUserDefined(Name) || ConfigOnly || !matches({ created: parseTimestamp(Created) ?? 0n, labels: Labels })) continue;
          await settle({ id: Id, name: Name });
          if (registry.all().some((record) => isOn(record, { id: Id, name: Name }))) continue;
          try {
            publish('destroy', await networks.removeNetwork(Id));
            deleted.push(Name);
          } catch (error) {
            // Somebody began to use it or removed it meanwhile.
            if (!isFailure(error, 'network.in_use') && !isFailure(error, 'network.not_found')) throw error;
          }
        }
        events.publish({ type: 'network', action: 'prune', id: '', attributes: { reclaimed: '0' } });
        return { NetworksDeleted: deleted.length === 0 ? null : deleted };
      });
    },
  };
}

/** Whether the container holds an endpoint there now. */
function isOn(record: ContainerRecord, network: { id: string; name: string }): boolean {
  return record.sandbox?.endpoints[network.name]?.networkId === network.id;
}
