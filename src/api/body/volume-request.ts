/** The body of `POST /volumes/create`: Go's `volume.CreateOptions`. */
import type { JsonDocument } from '#base/json-document.ts';
import type { VolumeCreateRequest } from '#schema/volume-views.ts';
import { decode, record, struct, text } from './json-shape.ts';

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
