/** The networks without interfaces of their own: `host`, the machine's own network, and `none` with nothing but a loopback. So are networks that only carry a configuration, on which no container can be. */
import { fail } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { Endpoint } from './contract.ts';
import type { AttachableNetwork, NetworkDriver } from './network-driver.ts';
import type { NetworkRecord } from './network-record.ts';

export const hostDriver: NetworkDriver = { name: 'host', complete: (record) => record, open: (record) => plainNetwork(record, false) };
export const nullDriver: NetworkDriver = { name: 'null', complete: (record) => record, open: (record) => plainNetwork(record, true) };

function plainNetwork(record: NetworkRecord, separate: boolean): AttachableNetwork {
  return {
    record,
    separate,
    publishesPorts: false,
    reserve: (): Endpoint => {
      if (record.ConfigOnly) throw fail('network.configuration_endpoint');
      return { id: newIdentifier(), networkId: record.Id, driver: record.Driver, address: '', prefixLength: 0, gateway: '', macAddress: '', hostInterface: '' };
    },
    connect: () => {
      using inside = new RouteSocket();
      inside.configure(undefined);
    },
    disconnect: async () => undefined,
    remove: async () => undefined,
    release: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}
