/** `image.InspectResponse`: what `docker image inspect` hands to its template. */
import { anyType, boolType, int64Type, pointerTo, sliceOf, stringType, structOf } from '#base/template/go-type.ts';
import { timeType } from '#base/template/go-time.ts';
import { containerConfig } from './container-inspect-type.ts';
import { descriptor, driverData, healthConfig, strings, textMap, textSet } from './shared-types.ts';

const imageConfig = structOf('v1.DockerOCIImageConfig', [
  ['&ImageConfig', structOf('v1.ImageConfig', [
    ['User', stringType, 'User,omitempty'],
    ['ExposedPorts', textSet, 'ExposedPorts,omitempty'],
    ['Env', strings, 'Env,omitempty'],
    ['Entrypoint', strings, 'Entrypoint,omitempty'],
    ['Cmd', strings, 'Cmd,omitempty'],
    ['Volumes', textSet, 'Volumes,omitempty'],
    ['WorkingDir', stringType, 'WorkingDir,omitempty'],
    ['Labels', textMap, 'Labels,omitempty'],
    ['StopSignal', stringType, 'StopSignal,omitempty'],
    ['ArgsEscaped', boolType, 'ArgsEscaped,omitempty'],
  ])],
  ['&DockerOCIImageConfigExt', structOf('v1.DockerOCIImageConfigExt', [
    ['Healthcheck', pointerTo(healthConfig), ',omitempty'],
    ['OnBuild', strings, ',omitempty'],
    ['Shell', strings, ',omitempty'],
  ])],
]);

export const imageInspectType = structOf('image.InspectResponse', [
  ['ID', stringType, 'Id'],
  ['RepoTags', strings],
  ['RepoDigests', strings],
  ['Parent', stringType],
  ['Comment', stringType],
  ['Created', stringType, ',omitempty'],
  ['Container', stringType, ',omitempty'],
  ['ContainerConfig', pointerTo(containerConfig), ',omitempty'],
  ['DockerVersion', stringType],
  ['Author', stringType],
  ['Config', pointerTo(imageConfig)],
  ['Architecture', stringType],
  ['Variant', stringType, ',omitempty'],
  ['Os', stringType],
  ['OsVersion', stringType, ',omitempty'],
  ['Size', int64Type],
  ['VirtualSize', int64Type, 'VirtualSize,omitempty'],
  ['GraphDriver', driverData],
  ['RootFS', structOf('image.RootFS', [['Type', stringType, ',omitempty'], ['Layers', strings, ',omitempty']])],
  ['Metadata', structOf('image.Metadata', [['LastTagTime', timeType, ',omitempty']])],
  ['Descriptor', pointerTo(descriptor), 'Descriptor,omitempty'],
  ['Manifests', sliceOf(anyType), 'Manifests,omitempty'],
]);
