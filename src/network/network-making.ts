/** Networks come and go whole: in the database before they are on the machine, and until nothing of them is left there. */
import { fail, invariant, isFailure } from '#base/errors/failure.ts';
import type { NetworkCreateRequest } from '#schema/network-views.ts';
import { BridgeNetwork } from './bridge-network.ts';
import { refuseUsedConfiguration } from './configuration-networks.ts';
import type { ControllerParts } from './controller-parts.ts';
import { recordFromRequest } from './network-creation.ts';
import type { AttachableNetwork, NetworkDriver } from './network-driver.ts';
import { interfaceOf, isPredefined, type NetworkRecord } from './network-record.ts';

/** Makes a network and keeps it. @throws Docker's texts; nothing is left behind then */
export async function makeNetwork({ registry, keeper, drivers }: Pick<ControllerParts, 'registry' | 'keeper'> & { readonly drivers: readonly NetworkDriver[] }, request: NetworkCreateRequest): Promise<NetworkRecord> {
  const all = registry.all().map(({ record }) => record);
  const asked = recordFromRequest(request, all);
  const others = all.filter(({ ConfigOnly }) => !ConfigOnly);
  const driver = drivers.find(({ name }) => name === asked.Driver);
  invariant(driver !== undefined, `there is no driver ${asked.Driver}`);
  const record = driver.complete(asked, others);
  if (record.Driver === 'bridge') refuseTwin(record, others);
  // Written down first: a crash from here on leaves a network, not a stray bridge.
  registry.announce(record);
  let network: AttachableNetwork | undefined;
  try {
    network = driver.open(record, []);
    registry.add(network);
    if (network instanceof BridgeNetwork) await keeper.add(network);
  } catch (error) {
    await network?.remove();
    registry.erase(record.Id);
    if (isFailure(error, 'network.not_a_bridge')) throw fail('network.existing_not_a_bridge', { name: error.details['name'] }, error);
    throw error;
  }
  return record;
}

/** @throws network.remove_predefined, network.in_use */
export async function unmakeNetwork({ registry, keeper, attached }: Pick<ControllerParts, 'registry' | 'keeper' | 'attached'>, network: AttachableNetwork): Promise<NetworkRecord> {
  const { record } = network;
  if (isPredefined(record.Name)) throw fail('network.remove_predefined', { name: record.Name });
  const used = Array.from(attached.values()).flatMap(({ containerName, sandbox }) =>
    Object.values(sandbox.endpoints).filter(({ networkId }) => networkId === record.Id).map(({ id }) => `name:"${containerName}" id:"${id.slice(0, 12)}"`));
  refuseUsedConfiguration(record, registry.all().map((other) => other.record));
  if (used.length > 0) throw fail('network.in_use', { name: record.Name, endpoints: used.join(', ') });
  registry.retire(record.Id);
  if (network instanceof BridgeNetwork) await keeper.remove(network);
  await network.remove();
  network[Symbol.dispose]();
  registry.erase(record.Id);
  return record;
}

/** Two networks cannot have the same bridge. @throws network.same_bridge */
function refuseTwin(record: NetworkRecord, others: readonly NetworkRecord[]): void {
  const name = interfaceOf(record);
  const twin = others.find((other) => other.Driver === 'bridge' && interfaceOf(other) === name);
  if (twin !== undefined) throw fail('network.same_bridge', { id: record.Id, otherId: twin.Id, interface: name });
}
