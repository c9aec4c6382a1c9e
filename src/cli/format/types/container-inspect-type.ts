/** `container.InspectResponse`: what `docker inspect` of a container hands to its template. */
import {
  arrayOf, boolType, int64Type, intType, mapOf, named, pointerTo, sliceOf, stringType, structOf, uint16Type, uint64Type,
  type FieldSpec, type ScalarType,
} from '#base/template/go-type.ts';
import { timeType } from '#base/template/go-time.ts';
import {
  command, descriptor, driverData, endpointSettings, healthConfig, isolation, mount, mountPoint, optionalBool, optionalInt64, portMap,
  portSet, question, strings, telling, textMap, textSet, throttleDevice, weightDevice,
} from './shared-types.ts';

const uintType: ScalarType = { ...intType, kind: 'uint', name: 'uint', underlying: 'uint' };

const health = structOf('container.Health', [
  ['Status', stringType],
  ['FailingStreak', intType],
  ['Log', sliceOf(pointerTo(structOf('container.HealthcheckResult', [
    ['Start', timeType], ['End', timeType], ['ExitCode', intType], ['Output', stringType],
  ])))],
]);

const state = structOf('container.State', [
  ['Status', stringType],
  ['Running', boolType],
  ['Paused', boolType],
  ['Restarting', boolType],
  ['OOMKilled', boolType],
  ['Dead', boolType],
  ['Pid', intType],
  ['ExitCode', intType],
  ['Error', stringType],
  ['StartedAt', stringType],
  ['FinishedAt', stringType],
  ['Health', pointerTo(health), ',omitempty'],
]);

/** The container of `container:NAME`. */
function containerOf(mode: string): string {
  return mode.startsWith('container:') ? mode.slice('container:'.length) : '';
}

const isContainer = (mode: string): boolean => mode.startsWith('container:');
const isHost = (mode: string): boolean => mode === 'host';
const isUserDefined = (mode: string): boolean => !['default', 'bridge', 'host', 'none'].includes(mode) && !isContainer(mode);

const networkMode = named('container.NetworkMode', stringType, {
  IsNone: question((mode) => mode === 'none'),
  IsDefault: question((mode) => mode === 'default'),
  IsBridge: question((mode) => mode === 'bridge'),
  IsHost: question(isHost),
  IsPrivate: question((mode) => !isHost(mode) && !isContainer(mode)),
  IsContainer: question(isContainer),
  IsUserDefined: question(isUserDefined),
  ConnectedContainer: telling(containerOf),
  UserDefined: telling((mode) => (isUserDefined(mode) ? mode : '')),
  NetworkName: telling((mode) => (isContainer(mode) ? 'container' : mode)),
});

const namespaceQuestions = {
  IsHost: question(isHost),
  IsPrivate: question((mode) => !isHost(mode) && !isContainer(mode)),
  IsContainer: question(isContainer),
  Container: telling(containerOf),
};

const restartPolicyMode = named('container.RestartPolicyMode', stringType);

const hostConfigBegin: readonly FieldSpec[] = [
  ['Binds', strings],
  ['ContainerIDFile', stringType],
  ['LogConfig', structOf('container.LogConfig', [['Type', stringType], ['Config', textMap]])],
  ['NetworkMode', networkMode],
  ['PortBindings', portMap],
  ['RestartPolicy', structOf('container.RestartPolicy', [['Name', restartPolicyMode], ['MaximumRetryCount', intType]])],
  ['AutoRemove', boolType],
  ['VolumeDriver', stringType],
  ['VolumesFrom', strings],
  ['ConsoleSize', arrayOf(2, uintType)],
  ['Annotations', textMap, ',omitempty'],
  ['CapAdd', command],
  ['CapDrop', command],
  ['CgroupnsMode', named('container.CgroupnsMode', stringType, {
    IsPrivate: question((mode) => mode === 'private'), IsHost: question(isHost), IsEmpty: question((mode) => mode === ''),
  })],
  ['DNS', strings, 'Dns'],
  ['DNSOptions', strings, 'DnsOptions'],
  ['DNSSearch', strings, 'DnsSearch'],
  ['ExtraHosts', strings],
  ['GroupAdd', strings],
  ['IpcMode', named('container.IpcMode', stringType, {
    ...namespaceQuestions,
    IsPrivate: question((mode) => mode === 'private'),
    IsShareable: question((mode) => mode === 'shareable'),
    IsNone: question((mode) => mode === 'none'),
    IsEmpty: question((mode) => mode === ''),
  })],
  ['Cgroup', named('container.CgroupSpec', stringType, { IsContainer: question(isContainer), Container: telling(containerOf) })],
  ['Links', strings],
  ['OomScoreAdj', intType],
  ['PidMode', named('container.PidMode', stringType, namespaceQuestions)],
  ['Privileged', boolType],
  ['PublishAllPorts', boolType],
  ['ReadonlyRootfs', boolType],
  ['SecurityOpt', strings],
  ['StorageOpt', textMap, ',omitempty'],
  ['Tmpfs', textMap, ',omitempty'],
  ['UTSMode', named('container.UTSMode', stringType, { IsHost: question(isHost), IsPrivate: question((mode) => !isHost(mode)) })],
  ['UsernsMode', named('container.UsernsMode', stringType, { IsHost: question(isHost), IsPrivate: question((mode) => !isHost(mode)) })],
  ['ShmSize', int64Type],
  ['Sysctls', textMap, ',omitempty'],
  ['Runtime', stringType, ',omitempty'],
  ['Isolation', isolation],
];

const throttles = sliceOf(pointerTo(throttleDevice));

const resources = structOf('container.Resources', [
  ['CPUShares', int64Type, 'CpuShares'],
  ['Memory', int64Type],
  ['NanoCPUs', int64Type, 'NanoCpus'],
  ['CgroupParent', stringType],
  ['BlkioWeight', uint16Type],
  ['BlkioWeightDevice', sliceOf(pointerTo(weightDevice))],
  ['BlkioDeviceReadBps', throttles],
  ['BlkioDeviceWriteBps', throttles],
  ['BlkioDeviceReadIOps', throttles],
  ['BlkioDeviceWriteIOps', throttles],
  ['CPUPeriod', int64Type, 'CpuPeriod'],
  ['CPUQuota', int64Type, 'CpuQuota'],
  ['CPURealtimePeriod', int64Type, 'CpuRealtimePeriod'],
  ['CPURealtimeRuntime', int64Type, 'CpuRealtimeRuntime'],
  ['CpusetCpus', stringType],
  ['CpusetMems', stringType],
  ['Devices', sliceOf(structOf('container.DeviceMapping', [
    ['PathOnHost', stringType], ['PathInContainer', stringType], ['CgroupPermissions', stringType],
  ]))],
  ['DeviceCgroupRules', strings],
  ['DeviceRequests', sliceOf(structOf('container.DeviceRequest', [
    ['Driver', stringType], ['Count', intType], ['DeviceIDs', strings], ['Capabilities', sliceOf(strings)], ['Options', textMap],
  ]))],
  ['KernelMemory', int64Type, ',omitempty'],
  ['KernelMemoryTCP', int64Type, ',omitempty'],
  ['MemoryReservation', int64Type],
  ['MemorySwap', int64Type],
  ['MemorySwappiness', optionalInt64],
  ['OomKillDisable', optionalBool],
  ['PidsLimit', optionalInt64],
  ['Ulimits', sliceOf(pointerTo(structOf('units.Ulimit', [['Name', stringType], ['Hard', int64Type], ['Soft', int64Type]], {
    String: {
      parameters: [], variadic: false, result: stringType,
      call: (receiver) => {
        const [name, hard, soft] = Array.isArray(receiver.data) ? receiver.data : [];
        return { type: stringType, data: `${name?.data}=${soft?.data}:${hard?.data}` };
      },
    },
  })))],
  ['CPUCount', int64Type, 'CpuCount'],
  ['CPUPercent', int64Type, 'CpuPercent'],
  ['IOMaximumIOps', uint64Type],
  ['IOMaximumBandwidth', uint64Type],
]);

const hostConfig = structOf('container.HostConfig', [
  ...hostConfigBegin,
  ['&Resources', resources],
  ['Mounts', sliceOf(mount), ',omitempty'],
  ['MaskedPaths', strings],
  ['ReadonlyPaths', strings],
  ['Init', optionalBool, ',omitempty'],
]);

/** `container.Config`. */
export const containerConfig = structOf('container.Config', [
  ['Hostname', stringType],
  ['Domainname', stringType],
  ['User', stringType],
  ['AttachStdin', boolType],
  ['AttachStdout', boolType],
  ['AttachStderr', boolType],
  ['ExposedPorts', portSet, ',omitempty'],
  ['Tty', boolType],
  ['OpenStdin', boolType],
  ['StdinOnce', boolType],
  ['Env', strings],
  ['Cmd', command],
  ['Healthcheck', pointerTo(healthConfig), ',omitempty'],
  ['ArgsEscaped', boolType, ',omitempty'],
  ['Image', stringType],
  ['Volumes', textSet],
  ['WorkingDir', stringType],
  ['Entrypoint', command],
  ['NetworkDisabled', boolType, ',omitempty'],
  ['MacAddress', stringType, ',omitempty'],
  ['OnBuild', strings],
  ['Labels', textMap],
  ['StopSignal', stringType, ',omitempty'],
  ['StopTimeout', pointerTo(intType), ',omitempty'],
  ['Shell', command, ',omitempty'],
]);

const address = structOf('network.Address', [['Addr', stringType], ['PrefixLen', intType]]);

const networkSettings = structOf('container.NetworkSettings', [
  ['&NetworkSettingsBase', structOf('container.NetworkSettingsBase', [
    ['Bridge', stringType],
    ['SandboxID', stringType],
    ['SandboxKey', stringType],
    ['Ports', portMap],
    ['HairpinMode', boolType],
    ['LinkLocalIPv6Address', stringType],
    ['LinkLocalIPv6PrefixLen', intType],
    ['SecondaryIPAddresses', sliceOf(address)],
    ['SecondaryIPv6Addresses', sliceOf(address)],
  ])],
  ['&DefaultNetworkSettings', structOf('container.DefaultNetworkSettings', [
    ['EndpointID', stringType],
    ['Gateway', stringType],
    ['GlobalIPv6Address', stringType],
    ['GlobalIPv6PrefixLen', intType],
    ['IPAddress', stringType],
    ['IPPrefixLen', intType],
    ['IPv6Gateway', stringType],
    ['MacAddress', stringType],
  ])],
  ['Networks', mapOf(stringType, pointerTo(endpointSettings))],
]);

const base = structOf('container.ContainerJSONBase', [
  ['ID', stringType, 'Id'],
  ['Created', stringType],
  ['Path', stringType],
  ['Args', strings],
  ['State', pointerTo(state)],
  ['Image', stringType],
  ['ResolvConfPath', stringType],
  ['HostnamePath', stringType],
  ['HostsPath', stringType],
  ['LogPath', stringType],
  ['Name', stringType],
  ['RestartCount', intType],
  ['Driver', stringType],
  ['Platform', stringType],
  ['MountLabel', stringType],
  ['ProcessLabel', stringType],
  ['AppArmorProfile', stringType],
  ['ExecIDs', strings],
  ['HostConfig', pointerTo(hostConfig)],
  ['GraphDriver', driverData],
  ['SizeRw', optionalInt64, ',omitempty'],
  ['SizeRootFs', optionalInt64, ',omitempty'],
]);

export const containerInspectType = structOf('container.InspectResponse', [
  ['&ContainerJSONBase', pointerTo(base)],
  ['Mounts', sliceOf(mountPoint)],
  ['Config', pointerTo(containerConfig)],
  ['NetworkSettings', pointerTo(networkSettings)],
  ['ImageManifestDescriptor', pointerTo(descriptor), 'ImageManifestDescriptor,omitempty'],
]);
