/** Pieces the types of several API objects are made of, as the Go client declares them (Docker 28.2). */
import {
  boolType, int64Type, intType, mapOf, named, pointerTo, sliceOf, stringType, structOf, uint16Type, uint32Type, uint64Type, uint8Type,
  type GoMethod,
} from '#base/template/go-type.ts';
import { durationType } from '#base/template/go-time.ts';
import { goBool, goString, textOf } from '#base/template/go-value.ts';

export const strings = sliceOf(stringType);
export const textMap = mapOf(stringType, stringType);
export const emptyStruct = structOf('', []);
export const textSet = mapOf(stringType, emptyStruct);
export const command = named('strslice.StrSlice', strings);
export const optionalInt64 = pointerTo(int64Type);
export const optionalBool = pointerTo(boolType);

/** A question about a value that is a text. */
export function question(test: (text: string) => boolean): GoMethod {
  return { parameters: [], variadic: false, result: boolType, call: (receiver) => goBool(test(textOf(receiver))) };
}

/** A text told of a value that is a text. */
export function telling(tell: (text: string) => string): GoMethod {
  return { parameters: [], variadic: false, result: stringType, call: (receiver) => goString(tell(textOf(receiver))) };
}

export const isolation = named('container.Isolation', stringType, {
  IsDefault: question((mode) => mode === '' || mode.toLowerCase() === 'default'),
  IsHyperV: question((mode) => mode.toLowerCase() === 'hyperv'),
  IsProcess: question((mode) => mode.toLowerCase() === 'process'),
});

export const port = named('nat.Port', stringType, {
  Proto: telling((text) => (text === '' ? '' : text.split('/')[1] ?? 'tcp')),
  Port: telling((text) => text.split('/')[0] ?? ''),
});
export const portBinding = structOf('nat.PortBinding', [['HostIP', stringType, 'HostIp'], ['HostPort', stringType]]);
export const portMap = named('nat.PortMap', mapOf(port, sliceOf(portBinding)));
export const portSet = named('nat.PortSet', mapOf(port, emptyStruct));

export const healthConfig = structOf('v1.HealthcheckConfig', [
  ['Test', strings, ',omitempty'],
  ['Interval', durationType, ',omitempty'],
  ['Timeout', durationType, ',omitempty'],
  ['StartPeriod', durationType, ',omitempty'],
  ['StartInterval', durationType, ',omitempty'],
  ['Retries', intType, ',omitempty'],
]);

export const driverData = structOf('storage.DriverData', [['Data', textMap], ['Name', stringType]]);

const platform = structOf('v1.Platform', [
  ['Architecture', stringType, 'architecture'],
  ['OS', stringType, 'os'],
  ['OSVersion', stringType, 'os.version,omitempty'],
  ['OSFeatures', strings, 'os.features,omitempty'],
  ['Variant', stringType, 'variant,omitempty'],
]);

export const descriptor = structOf('v1.Descriptor', [
  ['MediaType', stringType, 'mediaType'],
  ['Digest', named('digest.Digest', stringType), 'digest'],
  ['Size', int64Type, 'size'],
  ['URLs', strings, 'urls,omitempty'],
  ['Annotations', textMap, 'annotations,omitempty'],
  ['Data', sliceOf(uint8Type), 'data,omitempty'],
  ['Platform', pointerTo(platform), 'platform,omitempty'],
  ['ArtifactType', stringType, 'artifactType,omitempty'],
]);

const mountType = named('mount.Type', stringType);
const propagation = named('mount.Propagation', stringType);

export const mountPoint = structOf('container.MountPoint', [
  ['Type', mountType, ',omitempty'],
  ['Name', stringType, ',omitempty'],
  ['Source', stringType],
  ['Destination', stringType],
  ['Driver', stringType, ',omitempty'],
  ['Mode', stringType],
  ['RW', boolType],
  ['Propagation', propagation],
]);

const bindOptions = structOf('mount.BindOptions', [
  ['Propagation', propagation, ',omitempty'],
  ['NonRecursive', boolType, ',omitempty'],
  ['CreateMountpoint', boolType, ',omitempty'],
  ['ReadOnlyNonRecursive', boolType, ',omitempty'],
  ['ReadOnlyForceRecursive', boolType, ',omitempty'],
]);

const volumeOptions = structOf('mount.VolumeOptions', [
  ['NoCopy', boolType, ',omitempty'],
  ['Labels', textMap, ',omitempty'],
  ['Subpath', stringType, ',omitempty'],
  ['DriverConfig', pointerTo(structOf('mount.Driver', [
    ['Name', stringType, ',omitempty'], ['Options', textMap, ',omitempty'],
  ])), ',omitempty'],
]);

export const mount = structOf('mount.Mount', [
  ['Type', mountType, ',omitempty'],
  ['Source', stringType, ',omitempty'],
  ['Target', stringType, ',omitempty'],
  ['ReadOnly', boolType, ',omitempty'],
  ['Consistency', named('mount.Consistency', stringType), ',omitempty'],
  ['BindOptions', pointerTo(bindOptions), ',omitempty'],
  ['VolumeOptions', pointerTo(volumeOptions), ',omitempty'],
  ['ImageOptions', pointerTo(structOf('mount.ImageOptions', [['Subpath', stringType, ',omitempty']])), ',omitempty'],
  ['TmpfsOptions', pointerTo(structOf('mount.TmpfsOptions', [
    ['SizeBytes', int64Type, ',omitempty'],
    ['Mode', named('fs.FileMode', uint32Type), ',omitempty'],
    ['Options', sliceOf(strings), ',omitempty'],
  ])), ',omitempty'],
  ['ClusterOptions', pointerTo(structOf('mount.ClusterOptions', [])), ',omitempty'],
]);

/** `PATH:NUMBER`, as blkio limits print themselves. */
function limitMethods(): Readonly<Record<string, GoMethod>> {
  return {
    String: {
      parameters: [], variadic: false, result: stringType,
      call: (receiver) => {
        const [path, amount] = Array.isArray(receiver.data) ? receiver.data : [];
        return goString(`${path?.data}:${amount?.data}`);
      },
    },
  };
}

export const weightDevice = structOf('blkiodev.WeightDevice', [['Path', stringType], ['Weight', uint16Type]], limitMethods());
export const throttleDevice = structOf('blkiodev.ThrottleDevice', [['Path', stringType], ['Rate', uint64Type]], limitMethods());

export const endpointSettings = structOf('network.EndpointSettings', [
  ['IPAMConfig', pointerTo(structOf('network.EndpointIPAMConfig', [
    ['IPv4Address', stringType, ',omitempty'],
    ['IPv6Address', stringType, ',omitempty'],
    ['LinkLocalIPs', strings, ',omitempty'],
  ]))],
  ['Links', strings],
  ['Aliases', strings],
  ['MacAddress', stringType],
  ['DriverOpts', textMap],
  ['GwPriority', intType],
  ['NetworkID', stringType],
  ['EndpointID', stringType],
  ['Gateway', stringType],
  ['IPAddress', stringType],
  ['IPPrefixLen', intType],
  ['IPv6Gateway', stringType],
  ['GlobalIPv6Address', stringType],
  ['GlobalIPv6PrefixLen', intType],
  ['DNSNames', strings],
]);
