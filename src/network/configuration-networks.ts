/** Networks that only carry a configuration (`--config-only`), and those made from one (`--config-from`), with Docker's texts. Pure. */
import { fail } from '#base/errors/failure.ts';
import type { NetworkCreateRequest } from '#schema/network-views.ts';
import type { NetworkRecord } from './network-record.ts';

/** @throws network.configuration_operator_fields, network.configuration_nested */
export function refuseAsConfiguration(request: NetworkCreateRequest): void {
  if (request.Ingress || request.Internal || request.Attachable || request.Scope !== '') throw fail('network.configuration_operator_fields');
  if ((request.ConfigFrom?.Network ?? '') !== '') throw fail('network.configuration_nested');
}

/** What a request asks for together with the configuration it names. @throws network.no_configuration, network.configuration_specified, network.configuration_options */
export function requestFromConfiguration(request: NetworkCreateRequest, networks: readonly NetworkRecord[]): NetworkCreateRequest {
  const name = request.ConfigFrom?.Network ?? '';
  if (name === '') return request;
  const source = networks.find((network) => network.ConfigOnly && network.Name === name);
  if (source === undefined) throw fail('network.no_configuration', { name });
  if (Object.keys(request.Options ?? {}).length > 0) throw fail('network.configuration_options');
  const { Driver = '', Options = null, Config = null } = request.IPAM ?? {};
  const addressed = (Driver !== '' && Driver !== 'default') || Object.keys(Options ?? {}).length > 0 || (Config ?? []).length > 0;
  const specified = addressed || request.EnableIPv6 === true || request.EnableIPv4 === false || Object.keys(request.Labels ?? {}).length > 0;
  if (specified) throw fail('network.configuration_specified');
  const { EnableIPv4, EnableIPv6, IPAM, Labels } = source;
  return { ...request, EnableIPv4, EnableIPv6, IPAM, Labels, Options: source.Options };
}

/** @throws network.configuration_in_use while a network was made from it */
export function refuseUsedConfiguration(record: NetworkRecord, networks: readonly NetworkRecord[]): void {
  if (record.ConfigOnly && networks.some(({ ConfigFrom }) => ConfigFrom.Network === record.Name)) throw fail('network.configuration_in_use', { name: record.Name });
}
