/**
 * Elements of nftables maps, base chains and connection tracking, by nfnetlink: what changes while
 * containers come and go, without a process. Tables themselves are loaded by `load-ruleset.ts`.
 * Formats: linux/netfilter/nf_tables.h, nfnetlink_conntrack.h.
 */
import { isFailure } from '#base/errors/failure.ts';
import { attributeText, messageFlag, readAttributes, type MessageBatch } from '../netlink/message-batch.ts';
import { addressBytes } from '../netlink/ipv6-bytes.ts';
import { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NetfilterTransaction } from './transaction.ts';

const NFNL_SUBSYS_CTNETLINK = 1;
const NFNL_SUBSYS_NFTABLES = 10;
const nftables = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;
const NFT_MSG_GETTABLE = nftables(1);
const NFT_MSG_NEWCHAIN = nftables(3);
const NFT_MSG_GETCHAIN = nftables(4);
const NFT_MSG_NEWRULE = nftables(6);
const NFT_MSG_GETRULE = nftables(7);
const NFT_MSG_NEWGEN = nftables(15);
const NFT_MSG_GETGEN = nftables(16);
const NFTA_TABLE_NAME = 1;
const NFPROTO_INET = 1;
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, policy: 5 } as const;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_RULE = { table: 1, chain: 2 } as const;
const NFTA_GEN_ID = 1;
const IPCTNL_MSG_CT_NEW = NFNL_SUBSYS_CTNETLINK << 8;
const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const CTA = { original: 1, id: 12, filter: 25 } as const;
const CTA_TUPLE = { protocol: 2 } as const;
const CTA_PROTO = { number: 1, destinationPort: 3 } as const;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_FLAG = { protocolNumber: 1 << 3, destinationPort: 1 << 5 } as const;
const AF_INET = 2;
const AF_INET6 = 10;
const familyNumbers = { 4: AF_INET, 6: AF_INET6 } as const;
const NF_INET_FORWARD = 2;
const NF_DROP = 0;

const { acknowledge, dump } = messageFlag;

/** A base chain that drops what no rule of its table lets pass. */
export interface DroppingChain {
  readonly table: string;
  readonly chain: string;
}

export class NetfilterSocket implements Disposable {
  readonly #socket = new NetlinkSocket('netfilter');

  /**
   * All of the changes or none.
   * @throws kernel.syscall_failed: `EEXIST` or `EBUSY` when an element is there with another value, `ENOENT` when what is to be removed or added to is not there
   */
  change(table: string, write: (transaction: NetfilterTransaction) => void): void {
    const transaction = new NetfilterTransaction(this.#socket.batch(), table);
    write(transaction);
    if (transaction.batch.pending.length > 0) this.#socket.request(transaction.end());
  }

  /** Whether there is a table of this name. */
  hasTable(family: 'inet' | 4 | 6, name: string): boolean {
    const batch = this.#socket.batch();
    batch.message(NFT_MSG_GETTABLE, acknowledge, { purpose: 'get nftables table', subject: name }, (body) => {
      nfHeader(body, family === 'inet' ? NFPROTO_INET : familyNumbers[family], 0);
      body.attributeString(NFTA_TABLE_NAME, name);
    });
    try {
      this.#socket.request(batch);
      return true;
    } catch (error) {
      if (isFailure(error, 'kernel.syscall_failed') && error.details['errno'] === 'ENOENT') return false;
      throw error;
    }
  }

  /** A number that changes with every change of any table. */
  generation(): number {
    const batch = this.#socket.batch();
    batch.message(NFT_MSG_GETGEN, acknowledge, { purpose: 'get nftables generation', subject: '' }, (body) => nfHeader(body, 0, 0));
    const answer = this.#socket.request(batch).find(({ type }) => type === NFT_MSG_NEWGEN);
    return answer === undefined ? 0 : (readAttributes(answer.payload.subarray(4)).get(NFTA_GEN_ID)?.readUInt32BE(0) ?? 0);
  }

  /** The chain of every rule of a table; none when the table is not there. */
  chainsOfRules(family: 4 | 6, table: string): string[] {
    const batch = this.#socket.batch();
    batch.message(NFT_MSG_GETRULE, dump, { purpose: 'list nftables rules', subject: table }, (body) => {
      nfHeader(body, familyNumbers[family], 0);
      body.attributeString(NFTA_RULE.table, table);
    });
    return this.#socket.request(batch).filter(({ type }) => type === NFT_MSG_NEWRULE).flatMap(({ payload }) => {
      const attributes = readAttributes(payload.subarray(4));
      // Kernels that take no filter list the rules of all tables.
      return attributeText(attributes.get(NFTA_RULE.table)) === table ? [attributeText(attributes.get(NFTA_RULE.chain))] : [];
    });
  }

  /** Chains of IPv4 that hook into forwarding with a policy to drop, of whatever table. */
  droppingForwardChains(): DroppingChain[] {
    const batch = this.#socket.batch();
    batch.message(NFT_MSG_GETCHAIN, dump, { purpose: 'list nftables chains', subject: '' }, (body) => nfHeader(body, 0, 0));
    return this.#socket.request(batch).filter((message) => message.type === NFT_MSG_NEWCHAIN).flatMap(({ payload }) => {
      const attributes = readAttributes(payload.subarray(4));
      const hook = attributes.get(NFTA_CHAIN.hook);
      const family = payload.readUInt8(0);
      const number = hook === undefined ? undefined : readAttributes(hook).get(NFTA_HOOK_HOOKNUM)?.readUInt32BE(0);
      const drops = attributes.get(NFTA_CHAIN.policy)?.readUInt32BE(0) === NF_DROP;
      // 1: inet, which sees IPv4 too.
      if ((family !== AF_INET && family !== 1) || number !== NF_INET_FORWARD || !drops) return [];
      return [{ table: attributeText(attributes.get(NFTA_CHAIN.table)), chain: attributeText(attributes.get(NFTA_CHAIN.name)) }];
    });
  }

  /**
   * Forgets tracked flows of one family to a port of this host, so that the next datagram is translated anew. Without
   * it a client that keeps sending stays with a container that is gone.
   */
  forgetFlows(family: 4 | 6, protocolNumber: number, port: number): void {
    const familyNumber = familyNumbers[family];
    const list = this.#socket.batch();
    list.message(IPCTNL_MSG_CT_GET, dump, { purpose: 'list tracked flows', subject: `port ${port}` }, (body) => {
      nfHeader(body, familyNumber, 0);
      // Kernels before 5.8 take no filter and list all flows.
      body.nested(CTA.original, () => body.nested(CTA_TUPLE.protocol, () => {
        body.attributeU8(CTA_PROTO.number, protocolNumber);
        body.attributeU16BigEndian(CTA_PROTO.destinationPort, port);
      }));
      body.nested(CTA.filter, () => body.attributeU32(CTA_FILTER_ORIG_FLAGS, CTA_FILTER_FLAG.protocolNumber | CTA_FILTER_FLAG.destinationPort));
    });
    const removal = this.#socket.batch();
    for (const { type, payload } of this.#socket.request(list)) {
      if (type !== IPCTNL_MSG_CT_NEW) continue;
      const attributes = readAttributes(payload.subarray(4));
      const original = attributes.get(CTA.original);
      if (original === undefined) continue;
      const protocol = readAttributes(readAttributes(original).get(CTA_TUPLE.protocol) ?? Buffer.alloc(0));
      if (protocol.get(CTA_PROTO.number)?.readUInt8(0) !== protocolNumber) continue;
      if (protocol.get(CTA_PROTO.destinationPort)?.readUInt16BE(0) !== port) continue;
      removal.message(IPCTNL_MSG_CT_DELETE, acknowledge, { purpose: 'forget tracked flow', subject: `port ${port}` }, (body) => {
        nfHeader(body, familyNumber, 0);
        body.attribute(CTA.original | 0x8000, original);
        const id = attributes.get(CTA.id);
        if (id !== undefined) body.attribute(CTA.id, id);
      });
    }
    if (removal.pending.length === 0) return;
    try {
      this.#socket.request(removal);
    } catch (error) {
      // It timed out in between.
      if (!(isFailure(error, 'kernel.syscall_failed') && error.details['errno'] === 'ENOENT')) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** `struct nfgenmsg`. */
function nfHeader(body: MessageBatch, family: number, resource: number): void {
  body.u8(family);
  body.u8(0);
  body.u16BigEndian(resource);
}

/** One field of an element's key or value: padded to four bytes. */
export const elementField = {
  protocol: (number: number): Buffer => Buffer.from([number, 0, 0, 0]),
  port: (port: number): Buffer => Buffer.from([port >> 8, port & 0xff, 0, 0]),
  address: addressBytes,
} as const;
