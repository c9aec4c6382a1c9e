/** The body of `POST /containers/create`: Go's `container.CreateRequest` of API 1.51, field by field. */
import type { JsonDocument } from '#base/json-document.ts';
import { fail } from '#base/errors/failure.ts';
import type {
  ContainerConfig, CreateRequest, DeviceMapping, DeviceRequest, EndpointIPAMConfig, EndpointSettings, HealthConfig, HostConfig,
  LogConfig, MountRequest, NetworkingConfig, PortBinding, RestartPolicy, ThrottleDevice, Ulimit, WeightDevice,
} from '#schema/container-config.ts';
import {
  emptyStruct, flag, hasField, int64, list, orElse, pair, pointer, record, stringOrList, struct, text, uint16, uint32, uint64, unlessEmpty,
  whenGiven, type Fields, type Shape,
} from '#base/json-shape.ts';
import { decode } from './decode.ts';

const strings = list(text());
const stringMap = record(text());
const duration = int64('time.Duration');
const int = int64('int');

const health = struct<HealthConfig>('v1.HealthcheckConfig', {
  Test: unlessEmpty(strings),
  Interval: unlessEmpty(duration),
  Timeout: unlessEmpty(duration),
  Retries: unlessEmpty(int),
  StartPeriod: unlessEmpty(duration),
  StartInterval: unlessEmpty(duration),
});

const configFields: Fields<ContainerConfig> = {
  Hostname: text(),
  Domainname: text(),
  User: text(),
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: unlessEmpty(record(emptyStruct, 'nat.PortSet')),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: strings,
  Cmd: stringOrList,
  Healthcheck: whenGiven(health),
  ArgsEscaped: unlessEmpty(flag),
  Image: text(),
  Volumes: record(emptyStruct),
  WorkingDir: text(),
  Entrypoint: stringOrList,
  NetworkDisabled: unlessEmpty(flag),
  MacAddress: unlessEmpty(text()),
  OnBuild: strings,
  Labels: orElse(stringMap, () => ({})),
  StopSignal: unlessEmpty(text()),
  StopTimeout: whenGiven(int),
  Shell: unlessEmpty(stringOrList),
};

const portBinding = struct<PortBinding>('nat.PortBinding', { HostIp: text(), HostPort: text() });
export const portMap = record(list(portBinding), 'nat.PortMap');
const weightDevices = list(struct<WeightDevice>('blkiodev.WeightDevice', { Path: text(), Weight: uint16() }), '[]*blkiodev.WeightDevice');
const throttleDevices = list(struct<ThrottleDevice>('blkiodev.ThrottleDevice', { Path: text(), Rate: uint64() }), '[]*blkiodev.ThrottleDevice');

export const mountRequest = struct<MountRequest>('mount.Mount', {
  Type: unlessEmpty(text<NonNullable<MountRequest['Type']>>('mount.Type')),
  Source: unlessEmpty(text()),
  Target: unlessEmpty(text()),
  ReadOnly: unlessEmpty(flag),
  Consistency: unlessEmpty(text('mount.Consistency')),
  BindOptions: whenGiven(
    struct<NonNullable<MountRequest['BindOptions']>>('mount.BindOptions', {
      Propagation: unlessEmpty(text('mount.Propagation')),
      NonRecursive: unlessEmpty(flag),
      CreateMountpoint: unlessEmpty(flag),
      ReadOnlyNonRecursive: unlessEmpty(flag),
      ReadOnlyForceRecursive: unlessEmpty(flag),
    }),
  ),
  VolumeOptions: whenGiven(
    struct<NonNullable<MountRequest['VolumeOptions']>>('mount.VolumeOptions', {
      NoCopy: unlessEmpty(flag),
      Labels: unlessEmpty(stringMap),
      DriverConfig: whenGiven(struct<{ Name?: string; Options?: Record<string, string> }>('mount.Driver', { Name: unlessEmpty(text()), Options: unlessEmpty(stringMap) })),
      Subpath: unlessEmpty(text()),
    }),
  ),
  ImageOptions: whenGiven(struct<{ Subpath?: string }>('mount.ImageOptions', { Subpath: unlessEmpty(text()) })),
  TmpfsOptions: whenGiven(
    struct<NonNullable<MountRequest['TmpfsOptions']>>('mount.TmpfsOptions', {
      SizeBytes: unlessEmpty(int64()),
      Mode: unlessEmpty(uint32('fs.FileMode')),
      Options: unlessEmpty(list(orElse(strings, () => []))),
    }),
  ),
});

export const restartPolicy = struct<RestartPolicy>('container.RestartPolicy', { Name: text<RestartPolicy['Name']>('container.RestartPolicyMode'), MaximumRetryCount: int });

const hostConfig = struct<HostConfig>('container.HostConfig', {
  Binds: strings,
  ContainerIDFile: text(),
  LogConfig: struct<LogConfig>('container.LogConfig', { Type: text(), Config: stringMap }),
  NetworkMode: text('container.NetworkMode'),
  PortBindings: portMap,
  RestartPolicy: restartPolicy,
  AutoRemove: flag,
  VolumeDriver: text(),
  VolumesFrom: strings,
  ConsoleSize: pair(uint64('uint')),
  Annotations: unlessEmpty(stringMap),
  CapAdd: stringOrList,
  CapDrop: stringOrList,
  CgroupnsMode: text<HostConfig['CgroupnsMode']>('container.CgroupnsMode'),
  Dns: strings,
  DnsOptions: strings,
  DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  IpcMode: text('container.IpcMode'),
  Cgroup: text('container.CgroupSpec'),
  Links: strings,
  OomScoreAdj: int,
  PidMode: text('container.PidMode'),
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: strings,
  StorageOpt: unlessEmpty(stringMap),
  Tmpfs: unlessEmpty(stringMap),
  UTSMode: text('container.UTSMode'),
  UsernsMode: text('container.UsernsMode'),
  ShmSize: int64(),
  Sysctls: unlessEmpty(stringMap),
  Runtime: text(),
  Isolation: text('container.Isolation'),
  CpuShares: int64(),
  Memory: int64(),
  NanoCpus: int64(),
  CgroupParent: text(),
  BlkioWeight: uint16(),
  BlkioWeightDevice: weightDevices,
  BlkioDeviceReadBps: throttleDevices,
  BlkioDeviceWriteBps: throttleDevices,
  BlkioDeviceReadIOps: throttleDevices,
  BlkioDeviceWriteIOps: throttleDevices,
  CpuPeriod: int64(),
  CpuQuota: int64(),
  CpuRealtimePeriod: int64(),
  CpuRealtimeRuntime: int64(),
  CpusetCpus: text(),
  CpusetMems: text(),
  Devices: list(struct<DeviceMapping>('container.DeviceMapping', { PathOnHost: text(), PathInContainer: text(), CgroupPermissions: text() })),
  DeviceCgroupRules: strings,
  DeviceRequests: list(
    struct<DeviceRequest>('container.DeviceRequest', {
      Driver: text(),
      Count: int,
      DeviceIDs: strings,
      Capabilities: list(orElse(strings, () => [])),
      Options: stringMap,
    }),
  ),
  MemoryReservation: int64(),
  MemorySwap: int64(),
  MemorySwappiness: pointer(int64()),
  OomKillDisable: pointer(flag),
  PidsLimit: pointer(int64()),
  Ulimits: list(struct<Ulimit>('units.Ulimit', { Name: text(), Hard: int64(), Soft: int64() }), '[]*units.Ulimit'),
  CpuCount: int64(),
  CpuPercent: int64(),
  IOMaximumIOps: uint64(),
  IOMaximumBandwidth: uint64(),
  Mounts: unlessEmpty(list(mountRequest)),
  MaskedPaths: strings,
  ReadonlyPaths: strings,
  Init: whenGiven(flag),
  OnUnhealthy: unlessEmpty(text()),
});

/** A container's place on a network, as create and `network connect` take it. */
export const endpointSettings = struct<EndpointSettings>('network.EndpointSettings', {
  IPAMConfig: pointer(
    struct<EndpointIPAMConfig>('network.EndpointIPAMConfig', {
      IPv4Address: unlessEmpty(text()),
      IPv6Address: unlessEmpty(text()),
      LinkLocalIPs: unlessEmpty(strings),
    }),
  ),
  Links: strings,
  Aliases: strings,
  MacAddress: text(),
  DriverOpts: stringMap,
  GwPriority: int,
  NetworkID: text(),
  EndpointID: text(),
  Gateway: text(),
  IPAddress: text(),
  IPPrefixLen: int,
  IPv6Gateway: text(),
  GlobalIPv6Address: text(),
  GlobalIPv6PrefixLen: int,
  DNSNames: strings,
});

const networkingConfig = struct<NetworkingConfig>('network.NetworkingConfig', {
  // Null is kept: who creates the container refuses it.
  EndpointsConfig: record<Partial<EndpointSettings> | null>(pointer(endpointSettings), 'map[string]*network.EndpointSettings'),
});

const createRequest: Shape<CreateRequest> = struct<CreateRequest>('container.CreateRequest', {
  ...configFields,
  HostConfig: hostConfig,
  NetworkingConfig: networkingConfig,
});

/** @throws api.invalid_json, api.empty_config */
export function decodeCreateRequest(document: JsonDocument): CreateRequest {
  // Docker decodes into an unnamed interface, so its texts show no struct's name.
  const request = decode(createRequest, document, '');
  if (!hasField(document, configFields)) throw fail('api.empty_config');
  return request;
}

const containerConfig: Shape<ContainerConfig> = struct<ContainerConfig>('container.Config', configFields);

/** The body of `POST /commit`; undefined where it says nothing. @throws api.invalid_json */
export function decodeCommitConfig(document: JsonDocument): ContainerConfig | undefined {
  return hasField(document, configFields) ? decode(containerConfig, document, '') : undefined;
}
