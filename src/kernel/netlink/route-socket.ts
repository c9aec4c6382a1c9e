/**
 * Links, addresses, routes and neighbours by rtnetlink. Works on the namespace in which it was made.
 * Formats: linux/rtnetlink.h, linux/if_link.h, linux/veth.h.
 */
import { randomBytes } from 'node:crypto';
import { isFailure } from '#base/errors/failure.ts';
import { addressBytes, addressText } from './ipv6-bytes.ts';
import { macBytes, macText } from './mac-address.ts';
import { attributeText, messageFlag, readAttributes, type MessageBatch } from './message-batch.ts';
import { NetlinkSocket } from './netlink-socket.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;

const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;
const familyNumbers = { 4: AF_INET, 6: AF_INET6 } as const;
const IFF_UP = 1;
const IFLA = { address: 1, name: 3, mtu: 4, link: 5, master: 10, transmitQueueLength: 13, linkInfo: 18, group: 27, namespaceFd: 28, transmitQueues: 31, receiveQueues: 32 } as const;
const IFLA_INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const VETH_INFO_PEER = 1;
const IFLA_VLAN_ID = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN = { mode: 1, flags: 2 } as const;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const IFA = { address: 1, local: 2, broadcast: 4 } as const;
const RTA = { destination: 1, outputLink: 4, gateway: 5 } as const;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const NDA = { destination: 1, linkAddress: 2 } as const;
const NUD_STALE = 4;
/** Used at once: addresses are unique by how they are given out. */
const IFA_F_NODAD = 2;

const { acknowledge, create, exclusive, replace, dump } = messageFlag;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Index of the bridge it is a port of; 0: none. */
  readonly masterIndex: number;
  /** `bridge`, `veth`, …; empty for physical ones. */
  readonly kind: string;
  readonly macAddress: string;
  readonly mtu: number;
  readonly up: boolean;
}

export interface InterfaceAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** A route to hosts that are reached without a gateway. */
export interface OnLinkRoute {
  readonly linkIndex: number;
  readonly destination: string;
  readonly prefixLength: number;
}

export interface VethPair {
  readonly hostName: string;
  readonly bridgeIndex: number;
  readonly mtu: number;
  /** The host's end exchanges nothing with other isolated ports of the bridge. */
  readonly isolated: boolean;
  readonly peerName: string;
  readonly peerMacAddress: string;
  readonly peerNamespaceFd: number;
  /** The container's addresses, told to the host's neighbour table so that no older owner of them is remembered. */
  readonly peerAddresses: readonly string[];
}

/** A macvlan or ipvlan interface; the numbers are those of linux/if_link.h. */
export interface SubInterface {
  readonly name: string;
  readonly parentIndex: number;
  /** Where it appears, still down. */
  readonly namespaceFd: number;
  /** An ipvlan interface has its parent's hardware address. */
  readonly kind: { readonly type: 'macvlan'; readonly mode: number; readonly macAddress: string } | { readonly type: 'ipvlan'; readonly mode: number; readonly flags: number };
}

/** An address of an interface and where its default route leads; without a gateway there is none. */
export interface InterfacePlace {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** Of the gateway, where it is known: it need not be asked for, which a gateway that has just come up would not answer. */
  readonly gatewayMacAddress?: string | undefined;
}

export type AddressFamily = keyof typeof familyNumbers;

export class RouteSocket implements Disposable {
  readonly #socket = new NetlinkSocket('route');

  links(): Link[] {
    const batch = this.#socket.batch();
    batch.message(RTM_GETLINK, dump, { purpose: 'list links', subject: '' }, (body) => linkHeader(body, 0, 0, 0));
    return this.#socket.request(batch).filter((message) => message.type === RTM_NEWLINK).map((message) => readLink(message.payload));
  }

  link(name: string): Link | undefined {
    const batch = this.#socket.batch();
    batch.message(RTM_GETLINK, acknowledge, { purpose: 'get link', subject: name }, (body) => {
      linkHeader(body, 0, 0, 0);
      body.attributeString(IFLA.name, name);
    });
    try {
      const answer = this.#socket.request(batch).find((message) => message.type === RTM_NEWLINK);
      return answer === undefined ? undefined : readLink(answer.payload);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** Addresses of all links, of one family. */
  addresses(family: AddressFamily = 4): InterfaceAddress[] {
    const batch = this.#socket.batch();
    batch.message(RTM_GETADDR, dump, { purpose: 'list addresses', subject: '' }, (body) => body.raw(Buffer.from([familyNumbers[family], 0, 0, 0, 0, 0, 0, 0])));
    return this.#socket.request(batch).filter((message) => message.type === RTM_NEWADDR).flatMap(({ payload }) => {
      const attributes = readAttributes(payload.subarray(8));
      const address = attributes.get(IFA.local) ?? attributes.get(IFA.address);
      return address === undefined ? [] : [{ linkIndex: payload.readUInt32LE(4), address: addressText(address), prefixLength: payload.readUInt8(1) }];
    });
  }

  /** Routes of the main table that have no gateway, of one family. */
  onLinkRoutes(family: AddressFamily = 4): OnLinkRoute[] {
    const batch = this.#socket.batch();
    batch.message(RTM_GETROUTE, dump, { purpose: 'list routes', subject: '' }, (body) => body.raw(Buffer.from([familyNumbers[family], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])));
    return this.#socket.request(batch).filter((message) => message.type === RTM_NEWROUTE).flatMap(({ payload }) => {
      const attributes = readAttributes(payload.subarray(12));
      const destination = attributes.get(RTA.destination);
      const onLink = payload.readUInt8(4) === RT_TABLE_MAIN && (family === 6 ? !attributes.has(RTA.gateway) : payload.readUInt8(6) === RT_SCOPE_LINK);
      if (!onLink || destination === undefined) return [];
      return [{ linkIndex: attributes.get(RTA.outputLink)?.readUInt32LE(0) ?? 0, destination: addressText(destination), prefixLength: payload.readUInt8(1) }];
    });
  }

  /** @throws kernel.syscall_failed, `EEXIST` when there is a link of this name */
  createBridge(name: string, options: { macAddress: string; mtu: number }): void {
    this.#one(RTM_NEWLINK, acknowledge | create | exclusive, `create bridge`, name, (body) => {
      linkHeader(body, 0, 0, 0);
      body.attributeString(IFLA.name, name);
      // An address of its own keeps it from taking a port's, which would change as ports come and go.
      body.attribute(IFLA.address, macBytes(options.macAddress));
      body.attributeU32(IFLA.mtu, options.mtu);
      body.nested(IFLA.linkInfo, () => body.attributeString(IFLA_INFO.kind, 'bridge'));
    });
  }

  /** An interface that leads nowhere. @throws kernel.syscall_failed, `EOPNOTSUPP` on a kernel without them */
  createDummy(name: string): void {
    this.#one(RTM_NEWLINK, acknowledge | create | exclusive, 'create dummy link', name, (body) => {
      linkHeader(body, 0, IFF_UP, IFF_UP);
      body.attributeString(IFLA.name, name);
      body.nested(IFLA.linkInfo, () => body.attributeString(IFLA_INFO.kind, 'dummy'));
    });
  }

  /** The interface of one 802.1q network behind another interface. @throws kernel.syscall_failed, `EOPNOTSUPP` on a kernel without them */
  createVlan(name: string, parentIndex: number, id: number): void {
    this.#one(RTM_NEWLINK, acknowledge | create | exclusive, 'create vlan link', name, (body) => {
      linkHeader(body, 0, 0, 0);
      body.attributeString(IFLA.name, name);
      body.attributeU32(IFLA.link, parentIndex);
      body.nested(IFLA.linkInfo, () => {
        body.attributeString(IFLA_INFO.kind, 'vlan');
        body.nested(IFLA_INFO.data, () => body.attributeU16(IFLA_VLAN_ID, id));
      });
    });
  }

  /** @throws kernel.syscall_failed, `EBUSY` when the parent serves another kind, `EOPNOTSUPP` on a kernel without the kind */
  createSubInterface({ name, parentIndex, namespaceFd, kind }: SubInterface): void {
    this.#one(RTM_NEWLINK, acknowledge | create | exclusive, `create ${kind.type} link`, name, (body) => {
      linkHeader(body, 0, 0, 0);
      body.attributeString(IFLA.name, name);
      body.attributeU32(IFLA.link, parentIndex);
      body.attributeU32(IFLA.namespaceFd, namespaceFd);
      body.attributeU32(IFLA.transmitQueueLength, 0);
      if (kind.type === 'macvlan') body.attribute(IFLA.address, macBytes(kind.macAddress));
      body.nested(IFLA.linkInfo, () => {
        body.attributeString(IFLA_INFO.kind, kind.type);
        body.nested(IFLA_INFO.data, () => {
          if (kind.type === 'macvlan') {
            body.attributeU32(IFLA_MACVLAN_MODE, kind.mode);
          } else {
            body.attributeU16(IFLA_IPVLAN.mode, kind.mode);
            body.attributeU16(IFLA_IPVLAN.flags, kind.flags);
          }
        });
      });
    });
  }

  setMacAddress(index: number, name: string, macAddress: string): void {
    this.#one(RTM_SETLINK, acknowledge, 'set address of link', name, (body) => {
      linkHeader(body, index, 0, 0);
      body.attribute(IFLA.address, macBytes(macAddress));
    });
  }

  setUp(index: number, name: string): void {
    this.#one(RTM_SETLINK, acknowledge, 'set link up', name, (body) => linkHeader(body, index, IFF_UP, IFF_UP));
  }

  setMaster(index: number, name: string, masterIndex: number, isolated: boolean): void {
    this.#one(RTM_SETLINK, acknowledge, 'set master of link', name, (body) => {
      linkHeader(body, index, 0, 0);
      body.attributeU32(IFLA.master, masterIndex);
    });
    this.#one(RTM_NEWLINK, acknowledge, 'set hairpin mode of link', name, (body) => writePortModes(body, name, isolated));
  }

  /**
   * Deletes links, all within one grace period of the kernel's, for which a thread of the pool waits. Those
   * that are gone already are no error.
   */
  async deleteLinks(indexes: readonly number[]): Promise<void> {
    const group = randomBytes(4).readUInt32LE(0) >>> 1;
    for (const index of indexes) {
      unlessGone(() => this.#one(RTM_SETLINK, acknowledge, 'set group of link', String(index), (body) => {
        linkHeader(body, index, 0, 0);
        body.attributeU32(IFLA.group, group);
      }));
    }
    const batch = this.#socket.batch();
    batch.message(RTM_DELLINK, acknowledge, { purpose: 'delete links', subject: indexes.join(' ') }, (body) => {
      linkHeader(body, 0, 0, 0);
      body.attributeU32(IFLA.group, group);
    });
    try {
      await this.#socket.requestAsync(batch);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  addAddress(linkIndex: number, address: string, prefixLength: number): void {
    this.#one(RTM_NEWADDR, acknowledge | create | exclusive, 'add address', address, (body) => writeAddress(body, linkIndex, address, prefixLength));
  }

  removeAddress(linkIndex: number, address: string, prefixLength: number): void {
    this.#one(RTM_DELADDR, acknowledge, 'remove address', address, (body) => writeAddress(body, linkIndex, address, prefixLength));
  }

  /**
   * Makes a veth pair: the host's end up, a port of the bridge with hairpin mode (a container may reach
   * its own published port through it); the other end in the container's namespace, still down.
   */
  createVethPair(pair: VethPair): void {
    const batch = this.#socket.batch();
    batch.message(RTM_NEWLINK, acknowledge | create | exclusive, { purpose: 'create veth pair', subject: pair.hostName }, (body) => {
      linkHeader(body, 0, IFF_UP, IFF_UP);
      body.attributeString(IFLA.name, pair.hostName);
      body.attributeU32(IFLA.mtu, pair.mtu);
      body.attributeU32(IFLA.master, pair.bridgeIndex);
      body.attributeU32(IFLA.transmitQueueLength, 0);
      writeSingleQueue(body);
      body.nested(IFLA.linkInfo, () => {
        body.attributeString(IFLA_INFO.kind, 'veth');
        body.nested(IFLA_INFO.data, () => {
          body.nested(VETH_INFO_PEER, () => {
            // Not up here: that fails with ENOTCONN, as its end is not joined yet.
            linkHeader(body, 0, 0, 0);
            body.attributeString(IFLA.name, pair.peerName);
            body.attribute(IFLA.address, macBytes(pair.peerMacAddress));
            body.attributeU32(IFLA.mtu, pair.mtu);
            body.attributeU32(IFLA.namespaceFd, pair.peerNamespaceFd);
            body.attributeU32(IFLA.transmitQueueLength, 0);
            writeSingleQueue(body);
          });
        });
      });
    });
    batch.message(RTM_NEWLINK, acknowledge, { purpose: 'set hairpin mode of link', subject: pair.hostName }, (body) => writePortModes(body, pair.hostName, pair.isolated));
    for (const address of pair.peerAddresses) {
      batch.message(RTM_NEWNEIGH, acknowledge | create | replace, { purpose: 'set neighbour', subject: address }, (body) => writeNeighbour(body, pair.bridgeIndex, address, pair.peerMacAddress));
    }
    this.#socket.request(batch);
  }

  /** Sets `lo` up and, when given, an interface with its addresses and default routes, in one send. */
  configure(settings: { readonly name: string; readonly places: readonly InterfacePlace[] } | undefined): void {
    // Not always 2: some kernels put tunnel devices into every new namespace.
    const index = settings === undefined ? 0 : (this.link(settings.name)?.index ?? 0);
    const batch = this.#socket.batch();
    batch.message(RTM_SETLINK, acknowledge, { purpose: 'set link up', subject: 'lo' }, (body) => linkHeader(body, 1, IFF_UP, IFF_UP));
    if (settings !== undefined) {
      batch.message(RTM_SETLINK, acknowledge, { purpose: 'set link up', subject: settings.name }, (body) => linkHeader(body, index, IFF_UP, IFF_UP));
      for (const { address, prefixLength, gateway, gatewayMacAddress } of settings.places) {
        batch.message(RTM_NEWADDR, acknowledge | create | exclusive, { purpose: 'add address', subject: address }, (body) => writeAddress(body, index, address, prefixLength));
        if (gateway === '') continue;
        batch.message(RTM_NEWROUTE, acknowledge | create | exclusive, { purpose: 'add default route', subject: gateway }, (body) => writeDefaultRoute(body, gateway, index, gateway.includes(':') ? 6 : 4));
        if (gatewayMacAddress === undefined) continue;
        batch.message(RTM_NEWNEIGH, acknowledge | create | replace, { purpose: 'set neighbour', subject: gateway }, (body) => writeNeighbour(body, index, gateway, gatewayMacAddress));
      }
    }
    this.#socket.request(batch);
  }

  /** The way out of the namespace for a family; replaces another one. @param gateway empty: the interface itself leads out */
  setDefaultRoute(gateway: string, interfaceName: string, family: AddressFamily): void {
    const index = this.link(interfaceName)?.index ?? 0;
    this.#one(RTM_NEWROUTE, acknowledge | create | replace, 'set default route', gateway, (body) => writeDefaultRoute(body, gateway, index, family));
  }

  #one(type: number, flags: number, purpose: string, subject: string, body: (batch: MessageBatch) => void): void {
    const batch = this.#socket.batch();
    batch.message(type, flags, { purpose, subject }, body);
    this.#socket.request(batch);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

function isGone(error: unknown): boolean {
  return isFailure(error, 'kernel.syscall_failed') && error.details['errno'] === 'ENODEV';
}

function unlessGone(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function linkHeader(body: MessageBatch, index: number, flags: number, change: number): void {
  body.u8(AF_UNSPEC);
  body.u8(0);
  body.u16(0);
  body.u32(index);
  body.u32(flags);
  body.u32(change);
}

/**
 * The kernel would make one queue per processor, each with its objects in sysfs, which takes longer than
 * everything else here. A veth uses more than one only with XDP or threaded NAPI.
 */
function writeSingleQueue(body: MessageBatch): void {
  body.attributeU32(IFLA.transmitQueues, 1);
  body.attributeU32(IFLA.receiveQueues, 1);
  // Nothing is queued on the way; tools that show a length would mislead.
  body.attributeU32(IFLA.transmitQueueLength, 0);
}

function writePortModes(body: MessageBatch, name: string, isolated: boolean): void {
  linkHeader(body, 0, 0, 0);
  body.attributeString(IFLA.name, name);
  body.nested(IFLA.linkInfo, () => {
    body.attributeString(IFLA_INFO.slaveKind, 'bridge');
    body.nested(IFLA_INFO.slaveData, () => {
      body.attributeU8(IFLA_BRPORT_MODE, 1);
      if (isolated) body.attributeU8(IFLA_BRPORT_ISOLATED, 1);
    });
  });
}

function familyOf(address: string): number {
  return address.includes(':') ? AF_INET6 : AF_INET;
}

function writeNeighbour(body: MessageBatch, linkIndex: number, address: string, macAddress: string): void {
  body.u8(familyOf(address));
  body.u8(0);
  body.u16(0);
  body.u32(linkIndex);
  body.u16(NUD_STALE);
  body.u8(0);
  body.u8(0);
  body.attribute(NDA.destination, addressBytes(address));
  body.attribute(NDA.linkAddress, macBytes(macAddress));
}

function writeDefaultRoute(body: MessageBatch, gateway: string, linkIndex: number, family: AddressFamily): void {
  body.raw(Buffer.from([familyNumbers[family], 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, gateway === '' ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, RTN_UNICAST, 0, 0, 0, 0]));
  if (gateway !== '') body.attribute(RTA.gateway, addressBytes(gateway));
  body.attributeU32(RTA.outputLink, linkIndex);
}

function writeAddress(body: MessageBatch, linkIndex: number, address: string, prefixLength: number): void {
  const bytes = addressBytes(address);
  const family = familyOf(address);
  body.u8(family);
  body.u8(prefixLength);
  body.u8(family === AF_INET6 ? IFA_F_NODAD : 0);
  body.u8(RT_SCOPE_UNIVERSE);
  body.u32(linkIndex);
  body.attribute(IFA.local, bytes);
  body.attribute(IFA.address, bytes);
  if (family === AF_INET && prefixLength < 31) {
    const broadcast = Buffer.alloc(4);
    broadcast.writeUInt32BE((bytes.readUInt32BE(0) | (0xffffffff >>> prefixLength)) >>> 0);
    body.attribute(IFA.broadcast, broadcast);
  }
}

function readLink(payload: Buffer): Link {
  const attributes = readAttributes(payload.subarray(16));
  const information = readAttributes(attributes.get(IFLA.linkInfo) ?? Buffer.alloc(0));
  return {
    index: payload.readUInt32LE(4),
    name: attributeText(attributes.get(IFLA.name)),
    masterIndex: attributes.get(IFLA.master)?.readUInt32LE(0) ?? 0,
    kind: attributeText(information.get(IFLA_INFO.kind)),
    macAddress: macText(attributes.get(IFLA.address) ?? Buffer.alloc(0)),
    mtu: attributes.get(IFLA.mtu)?.readUInt32LE(0) ?? 0,
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
  };
}
