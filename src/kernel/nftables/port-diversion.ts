/**
 * Diverts what programs of a namespace send to one port of an address to other ports of that address, so
 * that the port itself stays free for them. Formats: linux/netfilter/nf_tables.h.
 */
import { ipv4Bytes } from '../netlink/ipv4-bytes.ts';
import { messageFlag, type MessageBatch } from '../netlink/message-batch.ts';
import { NetlinkSocket } from '../netlink/netlink-socket.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const nftables = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;
const NFT_MSG_NEWTABLE = nftables(0);
const NFT_MSG_DELTABLE = nftables(2);
const NFT_MSG_NEWCHAIN = nftables(3);
const NFT_MSG_NEWRULE = nftables(6);
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, type: 7 } as const;
const NFTA_HOOK = { number: 1, priority: 2 } as const;
const NFTA_RULE = { table: 1, chain: 2, expressions: 4 } as const;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR = { name: 1, data: 2 } as const;
const NFTA_DATA_VALUE = 1;
const NFTA_META = { destination: 1, key: 2 } as const;
const NFT_META_L4PROTO = 16;
const NFTA_PAYLOAD = { destination: 1, base: 2, offset: 3, length: 4 } as const;
const NFT_PAYLOAD = { network: 1, transport: 2 } as const;
const NFTA_CMP = { source: 1, operator: 2, data: 3 } as const;
const NFTA_IMMEDIATE = { destination: 1, data: 2 } as const;
const NFTA_NAT = { type: 1, family: 2, addressRegister: 3, portRegister: 5 } as const;
const NFT_NAT_DNAT = 1;
const AF_INET = 2;
const NF_INET_LOCAL_OUT = 3;
const beforeNatOfOthers = -100;
const ipDestinationOffset = 16;
const portDestinationOffset = 2;

const { acknowledge, create } = messageFlag;

export interface PortDiversion {
  readonly address: string;
  readonly port: number;
  /** Protocol number and the port of the same address that gets its traffic. */
  readonly targets: readonly { readonly protocol: number; readonly port: number }[];
}

/** Makes or replaces the table in the caller's namespace, all or nothing. @throws kernel.syscall_failed where the kernel has no nftables or no NAT */
export function divertPort(table: string, diversion: PortDiversion): void {
  using socket = new NetlinkSocket('netfilter');
  const batch = socket.batch();
  const chain = 'output';
  const told = { purpose: 'divert port', subject: `${diversion.address}:${diversion.port}` };
  const message = (type: number, flags: number, family: number, resource: number, body: (batch: MessageBatch) => void = () => {}): void => {
    batch.message(type, flags, told, (inner) => {
      inner.u8(family);
      inner.u8(0);
      inner.u16BigEndian(resource);
      body(inner);
    });
  };
  message(NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES);
  const named = (body: MessageBatch): void => body.attributeString(NFTA_TABLE_NAME, table);
  // Made first so that there is one to delete.
  message(NFT_MSG_NEWTABLE, acknowledge | create, AF_INET, 0, named);
  message(NFT_MSG_DELTABLE, acknowledge, AF_INET, 0, named);
  message(NFT_MSG_NEWTABLE, acknowledge | create, AF_INET, 0, named);
  message(NFT_MSG_NEWCHAIN, acknowledge | create, AF_INET, 0, (body) => {
    body.attributeString(NFTA_CHAIN.table, table);
    body.attributeString(NFTA_CHAIN.name, chain);
    body.nested(NFTA_CHAIN.hook, () => {
      body.attribute(NFTA_HOOK.number, word(NF_INET_LOCAL_OUT));
      body.attribute(NFTA_HOOK.priority, word(beforeNatOfOthers));
    });
    body.attributeString(NFTA_CHAIN.type, 'nat');
  });
  for (const target of diversion.targets) {
    message(NFT_MSG_NEWRULE, acknowledge | create | messageFlag.append, AF_INET, 0, (body) => {
      body.attributeString(NFTA_RULE.table, table);
      body.attributeString(NFTA_RULE.chain, chain);
      body.nested(NFTA_RULE.expressions, () => writeRule(body, diversion, target));
    });
  }
  message(NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES);
  socket.request(batch);
}

/** `ip daddr ADDRESS meta l4proto PROTOCOL th dport PORT dnat to ADDRESS:TARGET`. */
function writeRule(body: MessageBatch, diversion: PortDiversion, target: { protocol: number; port: number }): void {
  const expression = (name: string, write: () => void): void => {
    body.nested(NFTA_LIST_ELEM, () => {
      body.attributeString(NFTA_EXPR.name, name);
      body.nested(NFTA_EXPR.data, write);
    });
  };
  const value = (bytes: Buffer) => (): void => body.attribute(NFTA_DATA_VALUE, bytes);
  const load = (base: number, offset: number, length: number): void => expression('payload', () => {
    body.attribute(NFTA_PAYLOAD.destination, word(1));
    body.attribute(NFTA_PAYLOAD.base, word(base));
    body.attribute(NFTA_PAYLOAD.offset, word(offset));
    body.attribute(NFTA_PAYLOAD.length, word(length));
  });
  const equals = (bytes: Buffer): void => expression('cmp', () => {
    body.attribute(NFTA_CMP.source, word(1));
    body.attribute(NFTA_CMP.operator, word(0));
    body.nested(NFTA_CMP.data, value(bytes));
  });
  const set = (register: number, bytes: Buffer): void => expression('immediate', () => {
    body.attribute(NFTA_IMMEDIATE.destination, word(register));
    body.nested(NFTA_IMMEDIATE.data, value(bytes));
  });
  load(NFT_PAYLOAD.network, ipDestinationOffset, 4);
  equals(ipv4Bytes(diversion.address));
  expression('meta', () => {
    body.attribute(NFTA_META.destination, word(1));
    body.attribute(NFTA_META.key, word(NFT_META_L4PROTO));
  });
  equals(Buffer.from([target.protocol]));
  load(NFT_PAYLOAD.transport, portDestinationOffset, 2);
  equals(portBytes(diversion.port));
  set(1, ipv4Bytes(diversion.address));
  set(2, portBytes(target.port));
  expression('nat', () => {
    body.attribute(NFTA_NAT.type, word(NFT_NAT_DNAT));
    body.attribute(NFTA_NAT.family, word(AF_INET));
    body.attribute(NFTA_NAT.addressRegister, word(1));
    body.attribute(NFTA_NAT.portRegister, word(2));
  });
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff]);
}
