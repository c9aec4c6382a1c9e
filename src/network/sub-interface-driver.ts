/**
 * Networks of macvlan and ipvlan interfaces: each container has an interface of its own on the parent's
 * network, on which the host has no part but the parent itself: no bridge, no address, no firewall rule, no published port.
 */
import { fail, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { ArpAnnouncer } from '#kernel/arp-announcer.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import { macBytes, macText, randomMacAddress } from '#kernel/netlink/mac-address.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { switchIPv6 } from './ipv6-settings.ts';
import type { Endpoint } from './contract.ts';
import { addLinkLocalAddresses } from './link-local-addresses.ts';
import type { AttachableNetwork, EndpointPlace, EndpointRequest, NetworkDriver } from './network-driver.ts';
import type { NetworkRecord } from './network-record.ts';
import { ensureParent, parentExists, removeParent } from './parent-interface.ts';
import { plainReason } from './plain-reason.ts';
import { refuseSharedParent, subInterfaceOptions, type SubInterfaceOptions, type SubInterfaceType } from './sub-interface-options.ts';
import { SubnetAddresses, type GivenAddress } from './subnet-addresses.ts';
import type { SubnetChooser } from './subnet-chooser.ts';

export class SubInterfaceDriver implements NetworkDriver {
  readonly name: SubInterfaceType;
  readonly #subnets: Pick<SubnetChooser, 'complete'>;
  readonly #networks = new Set<SubInterfaceNetwork>();

  constructor(name: SubInterfaceType, subnets: Pick<SubnetChooser, 'complete'>) {
    this.name = name;
    this.#subnets = subnets;
  }

  /** @throws network.option_unusable, network.no_subnet */
  complete(record: NetworkRecord, others: readonly NetworkRecord[]): NetworkRecord {
    const options = subInterfaceOptions(this.name, record);
    const addressed = withoutChosenGateways(this.#subnets.complete(record, others), record, options.internal);
    const users = others.filter(({ Driver }) => Driver === this.name).map((other) => ({ id: other.Id, owned: other.engine?.ownsInterface === true, options: subInterfaceOptions(this.name, other) }));
    for (const user of users) refuseSharedParent(this.name, options, user);
    const inherited = users.some(({ owned, options: { parent } }) => owned && parent === options.parent);
    return { ...addressed, engine: { staticSubnet: record.engine?.staticSubnet === true, ownsInterface: inherited || !parentExists(options.parent) } };
  }

  /** @throws network.option_unusable, network.gateway_taken, network.auxiliary_taken */
  open(record: NetworkRecord, live: readonly Endpoint[]): SubInterfaceNetwork {
    const options = subInterfaceOptions(this.name, record);
    const addresses = {
      four: record.EnableIPv4 ? new SubnetAddresses(record, 4, !options.internal) : undefined,
      six: record.EnableIPv6 ? new SubnetAddresses(record, 6, !options.internal) : undefined,
    };
    for (const { address, six } of live) {
      addresses.four?.adopt(address);
      if (six !== undefined) addresses.six?.adopt(six.address);
    }
    ensureParent(options);
    const network: SubInterfaceNetwork = new SubInterfaceNetwork({
      type: this.name,
      record,
      options,
      addresses,
      routes: new RouteSocket(),
      sharesParent: () => Array.from(this.#networks).some((other) => other !== network && other.parent === options.parent),
      closed: () => this.#networks.delete(network),
    });
    this.#networks.add(network);
    return network;
  }
}

interface SubInterfaceParts {
  readonly type: SubInterfaceType;
  readonly record: NetworkRecord;
  readonly options: SubInterfaceOptions;
  readonly addresses: { readonly four: SubnetAddresses | undefined; readonly six: SubnetAddresses | undefined };
  /** In the host's namespace. */
  readonly routes: RouteSocket;
  readonly sharesParent: () => boolean;
  readonly closed: () => void;
}

class SubInterfaceNetwork implements AttachableNetwork {
  readonly record: NetworkRecord;
  readonly separate = true;
  readonly publishesPorts = false;
  // The parent has one interface with each hardware address, and in some modes one alone.
  readonly exclusive = true;
  readonly #parts: SubInterfaceParts;

  constructor(parts: SubInterfaceParts) {
    this.record = parts.record;
    this.#parts = parts;
  }

  get parent(): string {
    return this.#parts.options.parent;
  }

  /** @throws network.no_address, network.address_in_use, network.mac_unsupported */
  reserve(request: EndpointRequest): Endpoint {
    const { type, options, addresses } = this.#parts;
    if (type === 'ipvlan' && request.macAddress !== '') throw fail('network.mac_unsupported', { network: this.record.Name });
    using taken = new DisposableStack();
    const four = addresses.four?.take(request.address);
    if (four !== undefined) taken.defer(() => addresses.four?.release(four.address));
    const six = addresses.six?.take(request.address6 ?? '');
    taken.move();
    const leadsOut = !options.internal;
    const gatewayOf = (given: GivenAddress | undefined): string => (leadsOut && !options.routed ? (given?.gateway ?? '') : '');
    return {
      id: newIdentifier(),
      networkId: this.record.Id,
      driver: this.record.Driver,
      address: four?.address ?? '',
      prefixLength: four?.prefixLength ?? 0,
      gateway: gatewayOf(four),
      ...(six !== undefined && { six: { address: six.address, prefixLength: six.prefixLength, gateway: gatewayOf(six) } }),
      ...(leadsOut && options.routed && { directRoute: true }),
      macAddress: type === 'ipvlan' ? '' : request.macAddress === '' ? randomMacAddress() : macText(macBytes(request.macAddress)),
      hostInterface: '',
    };
  }

  /** @throws network.sub_interface_failed */
  connect(endpoint: Endpoint, namespace: number, { interface: name, defaultRoute, defaultRoute6 = false }: EndpointPlace): void {
    const { type, options, routes } = this.#parts;
    const { macAddress } = endpoint;
    const parent = routes.link(options.parent);
    if (parent === undefined) throw fail('network.sub_interface_failed', { message: `the requested parent interface ${options.parent} was not found on the Docker host` });
    using inside = new RouteSocket();
    explained(`failed to create the ${type} port: `, () => {
      const kind = type === 'macvlan' ? { type, mode: options.mode, macAddress } : { type, mode: options.mode, flags: options.flags };
      routes.createSubInterface({ name, parentIndex: parent.index, namespaceFd: namespace, kind });
    });
    const index = inside.link(name)?.index ?? 0;
    // In this mode the kernel begins with the parent's.
    if (options.passthru) inside.setMacAddress(index, name, macAddress);
    switchIPv6(name, endpoint.six !== undefined);
    const { address, prefixLength, gateway, six, directRoute } = endpoint;
    explained(`failed to add interface ${name} to sandbox: `, () => inside.configure({
      name,
      places: [
        ...(address === '' ? [] : [{ address, prefixLength, gateway: defaultRoute ? gateway : '' }]),
        ...(six === undefined ? [] : [{ ...six, gateway: defaultRoute6 ? six.gateway : '' }]),
      ],
    }));
    if (directRoute === true && defaultRoute && address !== '') inside.setDefaultRoute('', name, 4);
    if (directRoute === true && defaultRoute6 && six !== undefined) inside.setDefaultRoute('', name, 6);
    addLinkLocalAddresses(inside, name, endpoint);
    if (options.routed) return;
    using announcer = new ArpAnnouncer();
    for (const own of [address, six?.address ?? '']) if (own !== '') announcer.announce(index, own, type === 'macvlan' ? macAddress : parent.macAddress);
  }

  async disconnect(endpoint: Endpoint, namespacePath: string): Promise<void> {
    const name = endpoint.containerInterface ?? 'eth0';
    await removeSubInterfaces(namespacePath, (link) => link === name);
  }

  async remove(): Promise<void> {
    const { record, options, sharesParent } = this.#parts;
    if (record.engine?.ownsInterface === true && !sharesParent()) await removeParent(options);
  }

  release(endpoint: Endpoint): void {
    const { four, six } = this.#parts.addresses;
    four?.release(endpoint.address);
    if (endpoint.six !== undefined) six?.release(endpoint.six.address);
  }

  [Symbol.dispose](): void {
    this.#parts.closed();
    this.#parts.routes[Symbol.dispose]();
  }
}

/** Removes macvlan and ipvlan interfaces from a namespace, so that their parents can have others like them at once. */
export async function removeSubInterfaces(namespacePath: string, selects: (name: string) => boolean = () => true): Promise<void> {
  using inside = inNetworkNamespace(namespacePath, () => new RouteSocket());
  const found = inside.links().filter(({ kind, name }) => (kind === 'macvlan' || kind === 'ipvlan') && selects(name));
  if (found.length > 0) await inside.deleteLinks(found.map(({ index }) => index));
}

/** What leads nowhere has no gateways but those that were asked for. */
function withoutChosenGateways(complete: NetworkRecord, asked: NetworkRecord, internal: boolean): NetworkRecord {
  if (!internal) return complete;
  const wanted = new Set((asked.IPAM.Config ?? []).map(({ Subnet }) => Subnet));
  return { ...complete, IPAM: { ...complete.IPAM, Config: (complete.IPAM.Config ?? []).map(({ Gateway, ...rest }) => (Gateway !== undefined && wanted.has(rest.Subnet) ? { ...rest, Gateway } : rest)) } };
}

function explained(purpose: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
    throw fail('network.sub_interface_failed', { message: `${purpose}${plainReason(error.details)}` }, error);
  }
}
