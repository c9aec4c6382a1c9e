/** The bodies of `/networks`: Go's `network.CreateRequest`, `ConnectOptions` and `DisconnectOptions` of API 1.51. */
import type { JsonDocument } from '#base/json-document.ts';
import type { NetworkAddressing, NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest } from '#schema/network-views.ts';
import { endpointSettings } from './create-request.ts';
import { flag, list, pointer, record, struct, text, unlessEmpty } from '#base/json-shape.ts';
import { decode } from './decode.ts';

const stringMap = record(text());

const createRequest = struct<NetworkCreateRequest>('network.CreateRequest', {
  Name: text(),
  Driver: text(),
  Scope: text(),
  EnableIPv4: pointer(flag),
  EnableIPv6: pointer(flag),
  IPAM: pointer(
    struct<NonNullable<NetworkCreateRequest['IPAM']>>('network.IPAM', {
      Driver: text(),
      Options: stringMap,
      Config: list(
        struct<NetworkAddressing>('network.IPAMConfig', {
          Subnet: unlessEmpty(text()),
          IPRange: unlessEmpty(text()),
          Gateway: unlessEmpty(text()),
          AuxiliaryAddresses: unlessEmpty(stringMap),
        }),
      ),
    }),
  ),
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: pointer(struct<{ Network: string }>('network.ConfigReference', { Network: text() })),
  Options: stringMap,
  Labels: stringMap,
});

const connectRequest = struct<NetworkConnectRequest>('network.ConnectOptions', { Container: text(), EndpointConfig: pointer(endpointSettings) });
const disconnectRequest = struct<NetworkDisconnectRequest>('network.DisconnectOptions', { Container: text(), Force: flag });

/** @param document null for an absent body. @throws api.invalid_json */
export function decodeNetworkCreateRequest(document: JsonDocument): NetworkCreateRequest {
  return decode(createRequest, document, 'CreateRequest');
}

/** @param document null for an absent body. @throws api.invalid_json */
export function decodeNetworkConnectRequest(document: JsonDocument): NetworkConnectRequest {
  return decode(connectRequest, document, 'ConnectOptions');
}

/** @param document null for an absent body. @throws api.invalid_json */
export function decodeNetworkDisconnectRequest(document: JsonDocument): NetworkDisconnectRequest {
  return decode(disconnectRequest, document, 'DisconnectOptions');
}
