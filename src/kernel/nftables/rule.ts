/**
 * Rules of nftables as plain data: what a packet must be, and what becomes of it. Written in nft's own language by
 * {@link ruleText} and as the kernel's expressions by {@link writeRule}, which mean the same.
 * Formats: linux/netfilter/nf_tables.h.
 */
import { addressBytes } from '../netlink/ipv6-bytes.ts';
import type { MessageBatch } from '../netlink/message-batch.ts';

export type RuleFamily = 4 | 6;

export type RuleMatch =
  | { readonly kind: 'interface'; readonly direction: 'in' | 'out'; readonly name: string; readonly other?: boolean }
  /** The interface by which it came is in this set. */
  | { readonly kind: 'interfaceSet'; readonly set: string }
  | { readonly kind: 'source'; readonly address: string; readonly prefixLength: number }
  | { readonly kind: 'protocol'; readonly number: number }
  /** Of a connection that is there already, or belongs to one. */
  | { readonly kind: 'known' }
  /** Its destination was translated. */
  | { readonly kind: 'translated' }
  /** Destination, protocol and port are in this set. */
  | { readonly kind: 'destinationSet'; readonly set: string };

export type RuleVerdict = 'accept' | 'drop' | 'masquerade' | { readonly source: string };

export interface Rule {
  readonly matches: readonly RuleMatch[];
  readonly verdict: RuleVerdict;
}

const families = { 4: { name: 'ip', number: 2, addressLength: 4, source: 12, destination: 16 }, 6: { name: 'ip6', number: 10, addressLength: 16, source: 8, destination: 24 } } as const;

export function ruleText({ matches, verdict }: Rule, family: RuleFamily): string {
  const ip = families[family].name;
  const texts = matches.map((match): string => {
    switch (match.kind) {
      case 'interface': return `${match.direction === 'in' ? 'iifname' : 'oifname'} ${match.other === true ? '!= ' : ''}"${match.name}"`;
      case 'interfaceSet': return `iifname @${match.set}`;
      case 'source': return `${ip} saddr ${match.address}/${match.prefixLength}`;
      case 'protocol': return `meta l4proto ${match.number}`;
      case 'known': return 'ct state established,related';
      case 'translated': return 'ct status dnat';
      case 'destinationSet': return `${ip} daddr . meta l4proto . th dport @${match.set}`;
    }
  });
  return [...texts, typeof verdict === 'string' ? verdict : `snat to ${verdict.source}`].join(' ');
}

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR = { name: 1, data: 2 } as const;
const NFTA_DATA = { value: 1, verdict: 2 } as const;
const NFTA_VERDICT_CODE = 1;
const NFTA_META = { destination: 1, key: 2 } as const;
const NFT_META = { inputName: 6, outputName: 7, protocol: 16 } as const;
const NFTA_CMP = { source: 1, operator: 2, data: 3 } as const;
const NFT_CMP = { equal: 0, other: 1 } as const;
const NFTA_CT = { destination: 1, key: 2 } as const;
const NFT_CT = { state: 0, status: 2 } as const;
const NFTA_BITWISE = { source: 1, destination: 2, length: 3, mask: 4, xor: 5 } as const;
const NFTA_PAYLOAD = { destination: 1, base: 2, offset: 3, length: 4 } as const;
const NFT_PAYLOAD = { network: 1, transport: 2 } as const;
const NFTA_LOOKUP = { set: 1, source: 2 } as const;
const NFTA_IMMEDIATE = { destination: 1, data: 2 } as const;
const NFTA_NAT = { type: 1, family: 2, addressRegister: 3 } as const;
const NFT_NAT_SNAT = 0;
const NFT_REG_VERDICT = 0;
/** The first register of 16 bytes, and the same by its first four bytes. */
const NFT_REG_1 = 1;
const NFT_REG32_00 = 8;
const NF_VERDICT = { drop: 0, accept: 1 } as const;
const interfaceNameLength = 16;
/** NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED; in the machine's byte order. */
const knownStates = Buffer.from([6, 0, 0, 0]);
/** IPS_DST_NAT. */
const destinationTranslated = Buffer.from([0x20, 0, 0, 0]);
const destinationPortOffset = 2;

/** Writes the list of expressions; the caller has opened the attribute that holds it. */
export function writeRule(body: MessageBatch, { matches, verdict }: Rule, family: RuleFamily): void {
  const { number, addressLength, source, destination } = families[family];
  const expression = (name: string, write: () => void): void => {
    body.nested(NFTA_LIST_ELEM, () => {
      body.attributeString(NFTA_EXPR.name, name);
      body.nested(NFTA_EXPR.data, write);
    });
  };
  const words = (values: readonly (readonly [attribute: number, value: number])[]): void => {
    for (const [attribute, value] of values) body.attribute(attribute, word(value));
  };
  const meta = (key: number, register: number = NFT_REG_1): void => expression('meta', () => words([[NFTA_META.key, key], [NFTA_META.destination, register]]));
  const payload = (base: number, offset: number, length: number, register: number = NFT_REG_1): void => expression('payload', () =>
    words([[NFTA_PAYLOAD.destination, register], [NFTA_PAYLOAD.base, base], [NFTA_PAYLOAD.offset, offset], [NFTA_PAYLOAD.length, length]]));
  const compare = (bytes: Buffer, other = false): void => expression('cmp', () => {
    words([[NFTA_CMP.source, NFT_REG_1], [NFTA_CMP.operator, other ? NFT_CMP.other : NFT_CMP.equal]]);
    body.nested(NFTA_CMP.data, () => body.attribute(NFTA_DATA.value, bytes));
  });
  const mask = (bits: Buffer): void => expression('bitwise', () => {
    words([[NFTA_BITWISE.source, NFT_REG_1], [NFTA_BITWISE.destination, NFT_REG_1], [NFTA_BITWISE.length, bits.length]]);
    body.nested(NFTA_BITWISE.mask, () => body.attribute(NFTA_DATA.value, bits));
    body.nested(NFTA_BITWISE.xor, () => body.attribute(NFTA_DATA.value, Buffer.alloc(bits.length)));
  });
  const lookUp = (set: string): void => expression('lookup', () => {
    body.attributeString(NFTA_LOOKUP.set, set);
    words([[NFTA_LOOKUP.source, NFT_REG_1]]);
  });
  const anyOf = (key: number, bits: Buffer): void => {
    expression('ct', () => words([[NFTA_CT.key, key], [NFTA_CT.destination, NFT_REG_1]]));
    mask(bits);
    compare(Buffer.alloc(4), true);
  };
  const writeMatch = (match: RuleMatch): void => {
    switch (match.kind) {
      case 'interface':
        meta(match.direction === 'in' ? NFT_META.inputName : NFT_META.outputName);
        return compare(interfaceKey(match.name), match.other);
      case 'interfaceSet':
        meta(NFT_META.inputName);
        return lookUp(match.set);
      case 'source': {
        const bits = prefixMask(match.prefixLength, addressLength);
        payload(NFT_PAYLOAD.network, source, addressLength);
        mask(bits);
        return compare(Buffer.from(addressBytes(match.address).map((byte, index) => byte & (bits[index] ?? 0))));
      }
      case 'protocol':
        meta(NFT_META.protocol);
        return compare(Buffer.from([match.number]));
      case 'known':
        return anyOf(NFT_CT.state, knownStates);
      case 'translated':
        return anyOf(NFT_CT.status, destinationTranslated);
      case 'destinationSet': {
        const next = NFT_REG32_00 + addressLength / 4;
        payload(NFT_PAYLOAD.network, destination, addressLength, NFT_REG32_00);
        meta(NFT_META.protocol, next);
        payload(NFT_PAYLOAD.transport, destinationPortOffset, 2, next + 1);
        return lookUp(match.set);
      }
    }
  };
  for (const match of matches) writeMatch(match);
  if (verdict === 'masquerade') {
    expression('masq', () => undefined);
  } else if (typeof verdict === 'object') {
    expression('immediate', () => {
      words([[NFTA_IMMEDIATE.destination, NFT_REG_1]]);
      body.nested(NFTA_IMMEDIATE.data, () => body.attribute(NFTA_DATA.value, addressBytes(verdict.source)));
    });
    expression('nat', () => words([[NFTA_NAT.type, NFT_NAT_SNAT], [NFTA_NAT.family, number], [NFTA_NAT.addressRegister, NFT_REG_1]]));
  } else {
    expression('immediate', () => {
      words([[NFTA_IMMEDIATE.destination, NFT_REG_VERDICT]]);
      body.nested(NFTA_IMMEDIATE.data, () => body.nested(NFTA_DATA.verdict, () => words([[NFTA_VERDICT_CODE, NF_VERDICT[verdict]]])));
    });
  }
}

/** As a key of type `ifname`, and to be compared with one. */
export function interfaceKey(name: string): Buffer {
  const key = Buffer.alloc(interfaceNameLength);
  key.write(name);
  return key;
}

/** As many ones as the prefix is long, in an address of so many bytes. */
export function prefixMask(prefixLength: number, byteLength: number): Buffer {
  return Buffer.from(Array.from({ length: byteLength }, (_, index) => (0xff00 >> Math.max(0, Math.min(8, prefixLength - index * 8))) & 0xff));
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
