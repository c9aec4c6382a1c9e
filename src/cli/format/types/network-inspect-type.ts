/** `network.Inspect`: what `docker network inspect` hands to its template. */
import { boolType, intType, mapOf, sliceOf, stringType, structOf } from '#base/template/go-type.ts';
import { timeType } from '#base/template/go-time.ts';
import { strings, textMap } from './shared-types.ts';

const endpointResource = structOf('network.EndpointResource', [
  ['Name', stringType], ['EndpointID', stringType], ['MacAddress', stringType], ['IPv4Address', stringType], ['IPv6Address', stringType],
]);

const serviceInfo = structOf('network.ServiceInfo', [
  ['VIP', stringType],
  ['Ports', strings],
  ['LocalLBIndex', intType],
  ['Tasks', sliceOf(structOf('network.Task', [
    ['Name', stringType], ['EndpointID', stringType], ['EndpointIP', stringType], ['Info', textMap],
  ]))],
]);

export const networkInspectType = structOf('network.Inspect', [
  ['Name', stringType],
  ['ID', stringType, 'Id'],
  ['Created', timeType],
  ['Scope', stringType],
  ['Driver', stringType],
  ['EnableIPv4', boolType],
  ['EnableIPv6', boolType],
  ['IPAM', structOf('network.IPAM', [
    ['Driver', stringType],
    ['Options', textMap],
    ['Config', sliceOf(structOf('network.IPAMConfig', [
      ['Subnet', stringType, ',omitempty'],
      ['IPRange', stringType, ',omitempty'],
      ['Gateway', stringType, ',omitempty'],
      ['AuxAddress', textMap, 'AuxiliaryAddresses,omitempty'],
    ]))],
  ])],
  ['Internal', boolType],
  ['Attachable', boolType],
  ['Ingress', boolType],
  ['ConfigFrom', structOf('network.ConfigReference', [['Network', stringType]])],
  ['ConfigOnly', boolType],
  ['Containers', mapOf(stringType, endpointResource)],
  ['Options', textMap],
  ['Labels', textMap],
  ['Peers', sliceOf(structOf('network.PeerInfo', [['Name', stringType], ['IP', stringType]])), ',omitempty'],
  ['Services', mapOf(stringType, serviceInfo), ',omitempty'],
]);
