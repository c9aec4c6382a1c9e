/** The body of `POST /volumes/create`: Go's `volume.CreateOptions`. */
import type { JsonDocument } from '#base/json-document.ts';
import type { VolumeCloneRequest, VolumeCreateRequest } from '#schema/volume-views.ts';
import { decode, flag, record, struct, text } from './json-shape.ts';

const volumeRequest = struct<VolumeCreateRequest>('volume.CreateOptions', {
  Name: text(),
  Driver: text(),
  DriverOpts: record(text()),
  Labels: record(text()),
});

/** @param document null for an absent body. @throws api.invalid_json */
export function decodeVolumeRequest(document: JsonDocument): VolumeCreateRequest {
  return decode(volumeRequest, document, 'CreateOptions');
}

const volumeClone = struct<VolumeCloneRequest>('volume.CloneOptions', { Name: text(), Labels: record(text()), Snapshot: flag });

/** @throws api.invalid_json */
export function decodeVolumeClone(document: JsonDocument): VolumeCloneRequest {
  return decode(volumeClone, document, 'CloneOptions');
}
