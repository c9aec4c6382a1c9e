/** The body of `POST /volumes/create`: Go's `volume.CreateOptions`. */
import { fail } from '#base/errors/failure.ts';
import type { JsonDocument } from '#base/json-document.ts';
import type { VolumeCloneRequest, VolumeCreateRequest } from '#schema/volume-views.ts';
import { flag, record, struct, text } from '#base/json-shape.ts';
import { decode } from './decode.ts';

type LocalVolumeRequest = Omit<VolumeCreateRequest, 'ClusterVolumeSpec'>;

const volumeRequest = struct<LocalVolumeRequest>('volume.CreateOptions', {
  Name: text(),
  Driver: text(),
  DriverOpts: record(text()),
  Labels: record(text()),
});

/** @param document null for an absent body. @throws api.invalid_json, swarm.not_a_manager for a volume of a cluster (API 1.42) */
export function decodeVolumeRequest(document: JsonDocument, { clusters }: { clusters: boolean }): LocalVolumeRequest {
  const request = decode(volumeRequest, document, 'CreateOptions');
  const specification = document instanceof Map ? document.get('ClusterVolumeSpec') : undefined;
  if (clusters && specification !== undefined && specification !== null) throw fail('swarm.not_a_manager');
  return request;
}

const volumeClone = struct<VolumeCloneRequest>('volume.CloneOptions', { Name: text(), Labels: record(text()), Snapshot: flag });

/** @throws api.invalid_json */
export function decodeVolumeClone(document: JsonDocument): VolumeCloneRequest {
  return decode(volumeClone, document, 'CloneOptions');
}
