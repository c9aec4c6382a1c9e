/** The networks a container is on by its record: in which order they are joined, and what inspect tells of names. Pure. */
import { shortIdentifier } from '#base/identifier.ts';
import { isFailure } from '#base/errors/failure.ts';
import type { NetworkIdentity } from '#network/contract.ts';
import type { EndpointSettings } from '#schema/container-config.ts';
import type { ContainerRecord } from './container-record.ts';

const predefined: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default']);

export interface Attachment {
  readonly name: string;
  readonly settings: Partial<EndpointSettings>;
}

export function isUserDefined(networkName: string): boolean {
  return !predefined.has(networkName);
}

/** The network the container was made for comes first and has `eth0`; the others follow by name. */
export function attachmentsOf(record: Pick<ContainerRecord, 'hostConfig' | 'endpointSettings'>): Attachment[] {
  const mode = record.hostConfig.NetworkMode;
  return Object.entries(record.endpointSettings)
    .map(([name, settings]) => ({ name, settings: settings ?? {} }))
    .sort((a, b) => Number(b.name === mode) - Number(a.name === mode) || (a.name < b.name ? -1 : 1));
}

/** How the network is found: what is known by id stays that network, whatever has its name by now. */
export function referenceOf({ name, settings }: Attachment): string {
  const id = settings.NetworkID ?? '';
  return isUserDefined(name) && id !== '' ? id : name;
}

/** Refusals that come before a container has a place in the network. */
const refusedPlaces = ['network.address_in_use', 'network.no_address', 'network.mac_unsupported', 'network.configuration_endpoint'] as const;

/** What a start leaves that its networks refused: the names, and the network's id where it had a place there already. */
export function settingsAfterRefusal(record: Pick<ContainerRecord, 'hostConfig' | 'endpointSettings'>, error: unknown, identityOf: (attachment: Attachment) => NetworkIdentity | undefined): ContainerRecord['endpointSettings'] {
  const hadPlace = !refusedPlaces.some((code) => isFailure(error, code));
  return Object.fromEntries(attachmentsOf(record).map((attachment) => {
    const { name, settings } = attachment;
    const network = identityOf(attachment);
    return [name, network === undefined ? settings : { ...settings, ...(isUserDefined(name) && { DNSNames: [] }), ...(hadPlace && { NetworkID: network.id }) }];
  }));
}

/** `DNSNames` of inspect: name, aliases, short id and host name, on user-defined networks. */
export function dnsNamesOf(record: Pick<ContainerRecord, 'id' | 'name' | 'config'>, { name, settings }: Attachment): string[] | null {
  const joined = (settings.NetworkID ?? '') !== '' || (settings.DNSNames ?? null) !== null;
  if (!isUserDefined(name) || !joined) return null;
  const hostname = record.config.Hostname === '' ? [] : [record.config.Hostname];
  return [...new Set([record.name, ...(settings.Aliases ?? []), shortIdentifier(record.id), ...hostname])];
}
