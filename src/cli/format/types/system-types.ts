/** What `info`, `version` and `events` hand to their templates, as the Go client and CLI declare it (Docker 28.2). */
import {
  anyType, arrayOf, boolType, int64Type, intType, mapOf, named, pointerTo, sliceOf, stringType, structOf, type FieldSpec, type StructType,
} from '#base/template/go-type.ts';
import { goString, sortedEntries, textOf } from '#base/template/go-value.ts';
import { decodeAny, encodeJson } from '#base/template/go-json.ts';
import { parseJsonDocument } from '#base/json-document.ts';
import { isolation, strings, textMap } from './shared-types.ts';

export const eventType = structOf('events.Message', [
  ['Status', stringType, 'status,omitempty'],
  ['ID', stringType, 'id,omitempty'],
  ['From', stringType, 'from,omitempty'],
  ['Type', named('events.Type', stringType)],
  ['Action', named('events.Action', stringType)],
  ['Actor', structOf('events.Actor', [['ID', stringType], ['Attributes', textMap]])],
  ['Scope', stringType, 'scope,omitempty'],
  ['Time', int64Type, 'time,omitempty'],
  ['TimeNano', int64Type, 'timeNano,omitempty'],
]);

const platformInfo = structOf('system.platformInfo', [['Name', stringType, 'Name,omitempty']]);

const clientVersionType = structOf('system.clientVersion', [
  ['Platform', pointerTo(platformInfo), 'Platform,omitempty'],
  ['Version', stringType, 'Version,omitempty'],
  ['APIVersion', stringType, 'ApiVersion,omitempty'],
  ['DefaultAPIVersion', stringType, 'DefaultAPIVersion,omitempty'],
  ['GitCommit', stringType, 'GitCommit,omitempty'],
  ['GoVersion', stringType, 'GoVersion,omitempty'],
  ['Os', stringType, 'Os,omitempty'],
  ['Arch', stringType, 'Arch,omitempty'],
  ['BuildTime', stringType, 'BuildTime,omitempty'],
  ['Context', stringType, 'Context'],
]);

export const componentType = structOf('types.ComponentVersion', [
  ['Name', stringType], ['Version', stringType], ['Details', textMap, ',omitempty'],
]);

const serverVersionType = structOf('types.Version', [
  ['Platform', structOf('', [['Name', stringType]]), ',omitempty'],
  ['Components', sliceOf(componentType), ',omitempty'],
  ['Version', stringType],
  ['APIVersion', stringType, 'ApiVersion'],
  ['MinAPIVersion', stringType, 'MinAPIVersion,omitempty'],
  ['GitCommit', stringType],
  ['GoVersion', stringType],
  ['Os', stringType],
  ['Arch', stringType],
  ['KernelVersion', stringType, ',omitempty'],
  ['Experimental', boolType, ',omitempty'],
  ['BuildTime', stringType, ',omitempty'],
]);

export const versionInfoType = structOf('system.versionInfo', [
  ['Client', clientVersionType], ['Server', pointerTo(serverVersionType)],
]);

const pairs = sliceOf(arrayOf(2, stringType));
const commit = structOf('system.Commit', [['ID', stringType], ['Expected', stringType, ',omitempty']]);

const network = named('registry.NetIPNet', stringType, {
  String: { parameters: [], variadic: false, result: stringType, call: (receiver) => goString(textOf(receiver)) },
});

const indexInfo = structOf('registry.IndexInfo', [
  ['Name', stringType], ['Mirrors', strings], ['Secure', boolType], ['Official', boolType],
]);

const registryFields = structOf('registry.ServiceConfig', [
  ['AllowNondistributableArtifactsCIDRs', sliceOf(pointerTo(network)), ',omitempty'],
  ['AllowNondistributableArtifactsHostnames', strings, ',omitempty'],
  ['InsecureRegistryCIDRs', sliceOf(pointerTo(network)), 'InsecureRegistryCIDRs'],
  ['IndexConfigs', mapOf(stringType, pointerTo(indexInfo)), 'IndexConfigs'],
  ['Mirrors', strings],
  ['ExtraFields', mapOf(stringType, anyType), '-'],
]);

/** Its own encoder sorts the members, also of what is inside. */
const registryConfig: StructType = {
  ...registryFields,
  marshal: ({ data }) => encodeJson(decodeAny(parseJsonDocument(encodeJson({ type: registryFields, data })), true)),
};

const swarmInfo = structOf('swarm.Info', [
  ['NodeID', stringType],
  ['NodeAddr', stringType],
  ['LocalNodeState', named('swarm.LocalNodeState', stringType)],
  ['ControlAvailable', boolType],
  ['Error', stringType],
  ['RemoteManagers', sliceOf(structOf('swarm.Peer', [['NodeID', stringType], ['Addr', stringType]]))],
  ['Nodes', intType, ',omitempty'],
  ['Managers', intType, ',omitempty'],
  ['Cluster', pointerTo(anyType), ',omitempty'],
  ['Warnings', strings, ',omitempty'],
]);

const runtime = structOf('system.RuntimeWithStatus', [
  ['&Runtime', structOf('system.Runtime', [
    ['Path', stringType, 'path,omitempty'],
    ['Args', strings, 'runtimeArgs,omitempty'],
    ['Type', stringType, 'runtimeType,omitempty'],
    ['Options', mapOf(stringType, anyType), 'options,omitempty'],
  ])],
  ['Status', textMap, 'status,omitempty'],
]);

const texts = (...names: readonly string[]): FieldSpec[] => names.map((name) => [name, stringType] as const);
const booleans = (...names: readonly string[]): FieldSpec[] => names.map((name) => [name, boolType] as const);
const integers = (...names: readonly string[]): FieldSpec[] => names.map((name) => [name, intType] as const);

const serverInfoType = structOf('system.Info', [
  ...texts('ID'),
  ...integers('Containers', 'ContainersRunning', 'ContainersPaused', 'ContainersStopped', 'Images'),
  ...texts('Driver'),
  ['DriverStatus', pairs],
  ['SystemStatus', pairs, ',omitempty'],
  ['Plugins', structOf('system.PluginsInfo', [['Volume', strings], ['Network', strings], ['Authorization', strings], ['Log', strings]])],
  ...booleans('MemoryLimit', 'SwapLimit'),
  ['KernelMemory', boolType, ',omitempty'],
  ['KernelMemoryTCP', boolType, ',omitempty'],
  ['CPUCfsPeriod', boolType, 'CpuCfsPeriod'],
  ['CPUCfsQuota', boolType, 'CpuCfsQuota'],
  ...booleans('CPUShares', 'CPUSet', 'PidsLimit', 'IPv4Forwarding', 'Debug'),
  ...integers('NFd'),
  ...booleans('OomKillDisable'),
  ...integers('NGoroutines'),
  ...texts('SystemTime', 'LoggingDriver', 'CgroupDriver'),
  ['CgroupVersion', stringType, ',omitempty'],
  ...integers('NEventsListener'),
  ...texts('KernelVersion', 'OperatingSystem', 'OSVersion', 'OSType', 'Architecture', 'IndexServerAddress'),
  ['RegistryConfig', pointerTo(registryConfig)],
  ...integers('NCPU'),
  ['MemTotal', int64Type],
  ['GenericResources', sliceOf(anyType)],
  ...texts('DockerRootDir'),
  ['HTTPProxy', stringType, 'HttpProxy'],
  ['HTTPSProxy', stringType, 'HttpsProxy'],
  ...texts('NoProxy', 'Name'),
  ['Labels', strings],
  ...booleans('ExperimentalBuild'),
  ...texts('ServerVersion'),
  ['Runtimes', mapOf(stringType, runtime)],
  ...texts('DefaultRuntime'),
  ['Swarm', swarmInfo],
  ...booleans('LiveRestoreEnabled'),
  ['Isolation', isolation],
  ...texts('InitBinary'),
  ['ContainerdCommit', commit],
  ['RuncCommit', commit],
  ['InitCommit', commit],
  ['SecurityOptions', strings],
  ['ProductLicense', stringType, ',omitempty'],
  ['DefaultAddressPools', sliceOf(structOf('system.NetworkAddressPool', [['Base', stringType], ['Size', intType]])), ',omitempty'],
  ['FirewallBackend', pointerTo(structOf('system.FirewallInfo', [['Driver', stringType, 'Driver'], ['Info', pairs, 'Info,omitempty']])), 'FirewallBackend,omitempty'],
  ['CDISpecDirs', strings],
  ['DiscoveredDevices', sliceOf(structOf('system.DeviceInfo', [['Source', stringType, 'Source'], ['ID', stringType, 'ID']])), ',omitempty'],
  ['Containerd', pointerTo(structOf('system.ContainerdInfo', [
    ['Address', stringType, ',omitempty'],
    ['Namespaces', structOf('system.ContainerdNamespaces', [['Containers', stringType], ['Plugins', stringType]])],
  ])), ',omitempty'],
  ['Warnings', strings],
]);

const clientInfoType = structOf('system.clientInfo', [
  ['Debug', boolType],
  ['&clientVersion', clientVersionType],
  ['Plugins', sliceOf(anyType)],
  ['Warnings', strings],
]);

const clientFields: readonly FieldSpec[] = [
  ['ClientInfo', pointerTo(clientInfoType), ',omitempty'],
  ['ClientErrors', strings, ',omitempty'],
];

export const infoType = structOf('system.dockerInfo', [
  ['&Info', pointerTo(serverInfoType)],
  ['ServerErrors', strings, ',omitempty'],
  ['UserName', stringType, '-'],
  ...clientFields,
]);

/** What can be told without the daemon. */
export const clientOnlyInfoType = structOf('system.sparseInfo', clientFields);

/** The names of a component's details, in order. */
export function detailNames(component: Parameters<typeof sortedEntries>[0]): string[] {
  return sortedEntries(component).map(([name]) => textOf(name));
}
