/**
 * The base chains that see packets to and through this host, of every table: nftables' own and those of iptables-nft.
 * Format: linux/netfilter/nf_tables.h.
 */
import { attributeText, messageFlag, readAttributes } from '../netlink/message-batch.ts';
import { NetlinkSocket } from '../netlink/netlink-socket.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const nftables = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;
const NFT_MSG_NEWCHAIN = nftables(3);
const NFT_MSG_GETCHAIN = nftables(4);
const NFT_MSG_NEWRULE = nftables(6);
const NFT_MSG_GETRULE = nftables(7);
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_RULE = { table: 1, chain: 2 } as const;
const NF_DROP = 0;
/** NFPROTO_*. */
const familyNames: Readonly<Record<number, 'inet' | 'ip' | 'ip6'>> = { 1: 'inet', 2: 'ip', 10: 'ip6' };
/** NF_INET_LOCAL_IN, NF_INET_FORWARD. */
const hookNames: Readonly<Record<number, 'input' | 'forward'>> = { 1: 'input', 2: 'forward' };

export interface FirewallChain {
  readonly family: 'inet' | 'ip' | 'ip6';
  readonly table: string;
  readonly chain: string;
  /** Undefined: no packet comes here but by a jump. */
  readonly hook: 'input' | 'forward' | undefined;
  /** What happens to packets that none of its rules decides about. */
  readonly policy: 'accept' | 'drop';
  readonly rules: number;
}

/** Every chain of the families of IP that filters, hooked into input or forwarding, or reached by jumps. */
export function firewallChains(): FirewallChain[] {
  using socket = new NetlinkSocket('netfilter');
  const header = Buffer.alloc(4);
  const listOf = (type: number, purpose: string, answer: number): Buffer[] => {
    const batch = socket.batch();
    batch.message(type, messageFlag.dump, { purpose, subject: '' }, (body) => body.raw(header));
    return socket.request(batch).filter((message) => message.type === answer).map(({ payload }) => payload);
  };
  const counts = new Map<string, number>();
  for (const payload of listOf(NFT_MSG_GETRULE, 'list nftables rules', NFT_MSG_NEWRULE)) {
    const attributes = readAttributes(payload.subarray(4));
    const key = chainKey(payload.readUInt8(0), attributeText(attributes.get(NFTA_RULE.table)), attributeText(attributes.get(NFTA_RULE.chain)));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return listOf(NFT_MSG_GETCHAIN, 'list nftables chains', NFT_MSG_NEWCHAIN).flatMap((payload): FirewallChain[] => {
    const attributes = readAttributes(payload.subarray(4));
    const number = payload.readUInt8(0);
    const family = familyNames[number];
    const hook = attributes.get(NFTA_CHAIN.hook);
    const hookNumber = hook === undefined ? undefined : readAttributes(hook).get(NFTA_HOOK_HOOKNUM)?.readUInt32BE(0);
    const hookName = hookNumber === undefined ? undefined : hookNames[hookNumber];
    const filters = hook === undefined || (hookName !== undefined && attributeText(attributes.get(NFTA_CHAIN.type)) === 'filter');
    if (family === undefined || !filters) return [];
    const table = attributeText(attributes.get(NFTA_CHAIN.table));
    const chain = attributeText(attributes.get(NFTA_CHAIN.name));
    const drops = attributes.get(NFTA_CHAIN.policy)?.readUInt32BE(0) === NF_DROP;
    return [{ family, table, chain, hook: hookName, policy: hook !== undefined && drops ? 'drop' : 'accept', rules: counts.get(chainKey(number, table, chain)) ?? 0 }];
  });
}

function chainKey(family: number, table: string, chain: string): string {
  return `${family} ${table} ${chain}`;
}
