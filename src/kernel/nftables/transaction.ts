/**
 * One change of nftables, of all its parts or none: elements of maps and sets, chains, rules. Sent by
 * `NetfilterSocket`. Formats: linux/netfilter/nf_tables.h.
 */
import { messageFlag, type MessageBatch } from '../netlink/message-batch.ts';
import { writeRule, type Rule } from './rule.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const nftables = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;
const NFT_MSG_NEWCHAIN = nftables(3);
const NFT_MSG_DELCHAIN = nftables(5);
const NFT_MSG_NEWRULE = nftables(6);
const NFT_MSG_DELRULE = nftables(8);
const NFT_MSG_NEWSETELEM = nftables(12);
const NFT_MSG_DELSETELEM = nftables(14);
const NFTA_CHAIN = { table: 1, name: 3 } as const;
const NFTA_RULE = { table: 1, chain: 2, expressions: 4 } as const;
const NFTA_SET_ELEM_LIST = { table: 1, set: 2, elements: 3 } as const;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM = { key: 1, data: 2, flags: 3 } as const;
const NFT_SET_ELEM_INTERVAL_END = 1;
const NFTA_DATA = { value: 1, verdict: 2 } as const;
const NFTA_VERDICT = { code: 1, chain: 2 } as const;
const NFT_JUMP = -3;
const familyNumbers = { 4: 2, 6: 10 } as const;
/** An attribute's length has 16 bits; an element takes less than a hundred bytes. */
const elementsPerMessage = 500;

const { acknowledge, create, append } = messageFlag;

/** An element of a map, both sides as nftables lays them out: every field padded to four bytes. */
export interface MapElement {
  /** Of the table: there is one per family. */
  readonly family: 4 | 6;
  readonly map: string;
  readonly key: Buffer;
  /** Bytes, or the chain to jump to; undefined: an element of a set, or where an interval ends. */
  readonly value: Buffer | { readonly chain: string } | undefined;
  /** The interval that began with the element before ends in front of this one. */
  readonly intervalEnd?: boolean;
}

export class NetfilterTransaction {
  readonly batch: MessageBatch;
  readonly #table: string;

  /** @param batch an empty one of the socket that is to send it */
  constructor(batch: MessageBatch, table: string) {
    this.batch = batch;
    this.#table = table;
    this.#message(NFNL_MSG_BATCH_BEGIN, 0, 0, 'begin nftables change');
  }

  addElements(elements: readonly MapElement[]): void {
    this.#elements(NFT_MSG_NEWSETELEM, acknowledge | create, 'add nftables element', elements);
  }

  removeElements(elements: readonly MapElement[]): void {
    this.#elements(NFT_MSG_DELSETELEM, acknowledge, 'remove nftables element', elements);
  }

  /** Makes a chain, or empties the one that is there, and fills it. */
  setChain(family: 4 | 6, chain: string, rules: readonly Rule[]): void {
    this.#chain(NFT_MSG_NEWCHAIN, acknowledge | create, family, chain, 'add nftables chain');
    this.#emptyChain(family, chain);
    for (const rule of rules) {
      this.#message(NFT_MSG_NEWRULE, acknowledge | create | append, family, 'add nftables rule', (body) => {
        body.attributeString(NFTA_RULE.table, this.#table);
        body.attributeString(NFTA_RULE.chain, chain);
        body.nested(NFTA_RULE.expressions, () => writeRule(body, rule, family));
      });
    }
  }

  /** Nothing must lead to it any more. */
  removeChain(family: 4 | 6, chain: string): void {
    this.#emptyChain(family, chain);
    this.#chain(NFT_MSG_DELCHAIN, acknowledge, family, chain, 'remove nftables chain');
  }

  /** Closes it; nothing can be added then. */
  end(): MessageBatch {
    this.#message(NFNL_MSG_BATCH_END, 0, 0, 'end nftables change');
    return this.batch;
  }

  #emptyChain(family: 4 | 6, chain: string): void {
    this.#message(NFT_MSG_DELRULE, acknowledge, family, 'empty nftables chain', (body) => {
      body.attributeString(NFTA_RULE.table, this.#table);
      body.attributeString(NFTA_RULE.chain, chain);
    });
  }

  #chain(type: number, flags: number, family: 4 | 6, chain: string, purpose: string): void {
    this.#message(type, flags, family, purpose, (body) => {
      body.attributeString(NFTA_CHAIN.table, this.#table);
      body.attributeString(NFTA_CHAIN.name, chain);
    });
  }

  #elements(type: number, flags: number, purpose: string, elements: readonly MapElement[]): void {
    for (const [, ofMap] of Map.groupBy(elements, ({ family, map }) => `${family} ${map}`)) {
      for (let start = 0; start < ofMap.length; start += elementsPerMessage) {
        const part = ofMap.slice(start, start + elementsPerMessage);
        const [{ family, map } = { family: 4 as const, map: '' }] = part;
        this.#message(type, flags, family, purpose, (body) => {
          body.attributeString(NFTA_SET_ELEM_LIST.table, this.#table);
          body.attributeString(NFTA_SET_ELEM_LIST.set, map);
          body.nested(NFTA_SET_ELEM_LIST.elements, () => {
            for (const element of part) writeElement(body, element, type === NFT_MSG_NEWSETELEM);
          });
        });
      }
    }
  }

  #message(type: number, flags: number, family: 0 | 4 | 6, purpose: string, write?: (body: MessageBatch) => void): void {
    const isFrame = family === 0;
    this.batch.message(type, flags, { purpose, subject: this.#table }, (body) => {
      // `struct nfgenmsg`.
      body.u8(isFrame ? 0 : familyNumbers[family]);
      body.u8(0);
      body.u16BigEndian(isFrame ? NFNL_SUBSYS_NFTABLES : 0);
      write?.(body);
    });
  }
}

function writeElement(body: MessageBatch, { key, value, intervalEnd }: MapElement, withValue: boolean): void {
  body.nested(NFTA_LIST_ELEM, () => {
    if (intervalEnd === true) body.attribute(NFTA_SET_ELEM.flags, word(NFT_SET_ELEM_INTERVAL_END));
    body.nested(NFTA_SET_ELEM.key, () => body.attribute(NFTA_DATA.value, key));
    if (!withValue || value === undefined) return;
    body.nested(NFTA_SET_ELEM.data, () => {
      if (!('chain' in value)) return body.attribute(NFTA_DATA.value, value);
      body.nested(NFTA_DATA.verdict, () => {
        body.attribute(NFTA_VERDICT.code, word(NFT_JUMP));
        body.attributeString(NFTA_VERDICT.chain, value.chain);
      });
    });
  });
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
