/**
 * The networks of this engine: their records in the database, and each one opened by its driver. The three
 * predefined ones are made at first start and keep their ids.
 */
import { fail, messageOf } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { timestampNow } from '#base/timestamp.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';
import type { Endpoint } from './contract.ts';
import type { NetworkSettings } from './default-bridge.ts';
import type { AttachableNetwork, NetworkDriver } from './network-driver.ts';
import { bridgeOption, isPredefined, newNetworkRecord, type NetworkRecord } from './network-record.ts';

export class NetworkRegistry implements Disposable {
  readonly #table: DocumentTable<NetworkRecord>;
  readonly #networks = new Map<string, AttachableNetwork>();

  constructor(database: StateDatabase) {
    this.#table = database.table<NetworkRecord>('networks');
  }

  /** Takes up a network that was made just now. */
  add(network: AttachableNetwork): void {
    this.#networks.set(network.record.Id, network);
    this.#table.put(network.record.Id, network.record);
  }

  /** Writes down a network that is about to be made: after a crash in between, start-up makes it. */
  announce(record: NetworkRecord): void {
    this.#table.put(record.Id, record);
  }

  /** Lets nobody find the network any more. It is still written down until {@link erase}. */
  retire(id: string): void {
    this.#networks.delete(id);
  }

  /** Forgets a network whose side of the kernel is gone. */
  erase(id: string): void {
    this.#networks.get(id)?.[Symbol.dispose]();
    this.#networks.delete(id);
    this.#table.delete(id);
  }

  /** Opens every network, with the endpoints that live containers have there. */
  open(drivers: readonly NetworkDriver[], options: { bridgeName: string; settings: NetworkSettings; live: readonly Endpoint[]; warn: (message: string) => void }): void {
    for (const record of this.#recordsWithPredefined(options)) {
      const driver = drivers.find(({ name }) => name === record.Driver);
      if (driver === undefined) throw new Error(`bug: network ${record.Name} has the unknown driver ${record.Driver}`);
      try {
        this.add(driver.open(record, options.live.filter(({ networkId }) => networkId === record.Id)));
      } catch (error) {
        if (isPredefined(record.Name)) throw error;
        // One network that cannot be had must not keep the others away.
        options.warn(`network ${record.Name} is not available: ${messageOf(error)}`);
        this.#networks.set(record.Id, unavailableNetwork(record, error));
      }
    }
  }

  all(): AttachableNetwork[] {
    return Array.from(this.#networks.values()).sort((a, b) => (a.record.Name < b.record.Name ? -1 : 1));
  }

  byId(id: string): AttachableNetwork | undefined {
    return this.#networks.get(id);
  }

  /** By id, name or beginning of the id, in this order. @throws network.not_found, network.ambiguous */
  find(reference: string): AttachableNetwork {
    const exact = this.#networks.get(reference);
    if (exact !== undefined) return exact;
    const all = this.all();
    for (const [basis, found] of [
      ['name', all.filter(({ record }) => record.Name === reference)],
      ['ID prefix', all.filter(({ record }) => record.Id.startsWith(reference))],
    ] as const) {
      if (found.length > 1) throw fail('network.ambiguous', { reference, basis, count: found.length });
      if (found[0] !== undefined) return found[0];
    }
    throw fail('network.not_found', { reference });
  }

  #recordsWithPredefined(options: PredefinedOptions): NetworkRecord[] {
    const records = new Map(this.#table.entries().map(([, record]) => [record.Name, record]));
    for (const { name, driver, options: driverOptions } of predefined(options)) {
      const known = records.get(name);
      records.set(name, known === undefined ? newNetworkRecord({ name, driver, id: newIdentifier(), created: timestampNow(), options: driverOptions }) : { ...known, Options: driverOptions });
    }
    return Array.from(records.values());
  }

  [Symbol.dispose](): void {
    for (const network of this.#networks.values()) network[Symbol.dispose]();
    this.#networks.clear();
  }
}

/** Stands for a network whose side of the kernel could not be made; it can be seen and removed. */
function unavailableNetwork(record: NetworkRecord, reason: unknown): AttachableNetwork {
  return {
    record,
    separate: true,
    publishesPorts: false,
    reserve: () => {
      throw reason;
    },
    connect: () => {
      throw reason;
    },
    disconnect: async () => undefined,
    remove: async () => undefined,
    release: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

interface PredefinedOptions {
  readonly bridgeName: string;
  readonly settings: NetworkSettings;
}

function predefined({ bridgeName, settings }: PredefinedOptions): { name: string; driver: string; options: Record<string, string> }[] {
  return [
    { name: 'none', driver: 'null', options: {} },
    { name: 'host', driver: 'host', options: {} },
    {
      name: 'bridge',
      driver: 'bridge',
      options: {
        [bridgeOption.defaultBridge]: 'true',
        [bridgeOption.betweenContainers]: String(settings.betweenContainers ?? true),
        [bridgeOption.masquerade]: String(settings.masquerade ?? true),
        [bridgeOption.hostAddress]: settings.hostAddress ?? '0.0.0.0',
        [bridgeOption.interface]: bridgeName,
        [bridgeOption.mtu]: String(settings.mtu ?? 1500),
      },
    },
  ];
}
