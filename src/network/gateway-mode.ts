/** How a bridge network's containers and the world beyond the host reach one another, per address family: Docker's `gateway_mode` options. */
import { bridgeOption, type NetworkRecord } from './network-record.ts';

/**
 * `nat`: published ports are translated, nothing else gets in. `nat-unprotected`: beside that every port can be
 * reached at the container's own address. `routed`: no translation; published ports are open at the container's
 * own address. `isolated`: of an internal network, where the host has no address either.
 */
export const gatewayModes = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;
export type GatewayMode = (typeof gatewayModes)[number];

const options = { 4: bridgeOption.gatewayMode, 6: bridgeOption.gatewayMode6 } as const;

/** As the record says, which was checked when the network was made. */
export function gatewayModeOf(record: Pick<NetworkRecord, 'Options'>, family: 4 | 6): GatewayMode {
  const asked = record.Options[options[family]] ?? '';
  return gatewayModes.find((mode) => mode === asked) ?? 'nat';
}
