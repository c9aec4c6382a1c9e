/** What `-o parent`, `macvlan_mode`, `ipvlan_mode` and `ipvlan_flag` ask for, with Docker's texts. Pure. */
import { fail } from '#base/errors/failure.ts';
import type { NetworkRecord } from './network-record.ts';

export type SubInterfaceType = 'macvlan' | 'ipvlan';

export interface SubInterfaceOptions {
  /** Interface of the host; made where it is missing. */
  readonly parent: string;
  /** The network's own interface that leads nowhere, as no parent is named. */
  readonly ownDummy: boolean;
  /** MACVLAN_MODE_* or IPVLAN_MODE_* of linux/if_link.h. */
  readonly mode: number;
  /** IPVLAN_F_*. */
  readonly flags: number;
  /** One container has the parent for itself. */
  readonly passthru: boolean;
  /** The host routes between parent and containers, which have no gateway then. */
  readonly routed: boolean;
  /** No way leads out of it. */
  readonly internal: boolean;
}

const modes: Readonly<Record<SubInterfaceType, { readonly standard: string; readonly numbers: Readonly<Record<string, number>> }>> = {
  macvlan: { standard: 'bridge', numbers: { private: 1, vepa: 2, bridge: 4, passthru: 8 } },
  ipvlan: { standard: 'l2', numbers: { l2: 0, l3: 1, l3s: 2 } },
};
const flagNumbers: Readonly<Record<string, number>> = { bridge: 0, private: 1, vepa: 2 };
const dummyPrefixes: Readonly<Record<SubInterfaceType, string>> = { macvlan: 'dm-', ipvlan: 'di-' };

/** @throws network.option_unusable */
export function subInterfaceOptions(type: SubInterfaceType, { Id, Internal, Options }: Pick<NetworkRecord, 'Id' | 'Internal' | 'Options'>): SubInterfaceOptions {
  const asked = Options['parent'] ?? '';
  const { standard, numbers } = modes[type];
  const modeName = textOr(Options[`${type}_mode`], standard);
  const mode = numbers[modeName];
  if (mode === undefined) throw unusable(`requested ${type} mode '${modeName}' is not valid, '${standard}' mode is the ${type} driver default`);
  const flagName = type === 'ipvlan' ? textOr(Options['ipvlan_flag'], 'bridge') : 'bridge';
  const flags = flagNumbers[flagName];
  if (flags === undefined) throw unusable(`requested ipvlan flag '${flagName}' is not valid, 'bridge' is the ipvlan driver default`);
  if (asked === 'lo') throw unusable(`loopback interface is not a valid ${type} parent link`);
  return {
    parent: asked === '' ? `${dummyPrefixes[type]}${Id.slice(0, 12)}` : asked,
    ownDummy: asked === '',
    mode,
    flags,
    passthru: modeName === 'passthru',
    routed: modeName === 'l3' || modeName === 'l3s',
    internal: Internal || asked === '',
  };
}

/** The interface and the number in `eth0.10`. @throws network.option_unusable */
export function parseVlanName(name: string): { link: string; number: string } {
  if (!name.includes('.')) throw unusable(`invalid subinterface vlan name ${name}, example formatting is eth0.10`);
  const [link = '', number = '', ...rest] = name.split('.');
  if (rest.length > 0) throw unusable(`required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${name}`);
  if (!/^[+-]?\d+$/.test(number)) throw unusable(`unable to parse a valid vlan id from: ${number} (ex. eth0.10 for vlan 10)`);
  return { link, number };
}

/** Two networks on one parent. @throws network.option_unusable */
export function refuseSharedParent(type: SubInterfaceType, wanted: SubInterfaceOptions, other: { readonly id: string; readonly options: SubInterfaceOptions }): void {
  if (other.options.parent !== wanted.parent) return;
  if (type === 'ipvlan') throw unusable(`network ${dummyPrefixes.ipvlan}${other.id.slice(0, 12)} is already using parent interface ${wanted.parent}`);
  if (wanted.passthru) throw unusable(`cannot use mode passthru, macvlan network ${other.id} is already using parent interface ${wanted.parent}`);
  if (other.options.passthru) throw unusable(`macvlan network ${other.id} is already using parent interface ${wanted.parent} in mode passthru`);
}

function textOr(text: string | undefined, standard: string): string {
  return text === undefined || text === '' ? standard : text;
}

function unusable(message: string): Error {
  return fail('network.option_unusable', { message });
}
