/** `volume.Volume`: what `docker volume inspect` hands to its template. */
import { anyType, int64Type, mapOf, pointerTo, stringType, structOf } from '#base/template/go-type.ts';
import { textMap } from './shared-types.ts';

export const volumeType = structOf('volume.Volume', [
  ['ClusterVolume', pointerTo(structOf('volume.ClusterVolume', [['ID', stringType]])), 'ClusterVolume,omitempty'],
  ['CreatedAt', stringType, 'CreatedAt,omitempty'],
  ['Driver', stringType, 'Driver'],
  ['Labels', textMap, 'Labels'],
  ['Mountpoint', stringType, 'Mountpoint'],
  ['Name', stringType, 'Name'],
  ['Options', textMap, 'Options'],
  ['Scope', stringType, 'Scope'],
  ['Status', mapOf(stringType, anyType), 'Status,omitempty'],
  ['UsageData', pointerTo(structOf('volume.UsageData', [
    ['RefCount', int64Type, 'RefCount'], ['Size', int64Type, 'Size'],
  ])), 'UsageData,omitempty'],
]);
