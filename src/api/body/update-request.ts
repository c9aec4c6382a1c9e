/** The body of `POST /containers/{id}/update`: Go's `container.UpdateConfig`. */
import type { JsonDocument } from '#base/json-document.ts';
import type { UpdateRequest } from '#schema/container-config.ts';
import { mountRequest, portMap, restartPolicy } from './create-request.ts';
import { int64, list, pointer, struct, text, uint16, unlessEmpty } from '#base/json-shape.ts';
import { decode } from './decode.ts';

const updateRequest = struct<UpdateRequest>('container.UpdateConfig', {
  CpuShares: int64(),
  Memory: int64(),
  NanoCpus: int64(),
  BlkioWeight: uint16(),
  CpuPeriod: int64(),
  CpuQuota: int64(),
  CpuRealtimePeriod: int64(),
  CpuRealtimeRuntime: int64(),
  CpusetCpus: text(),
  CpusetMems: text(),
  MemoryReservation: int64(),
  MemorySwap: int64(),
  PidsLimit: pointer(int64()),
  RestartPolicy: restartPolicy,
  OnUnhealthy: unlessEmpty(text()),
  PortBindingsAdd: unlessEmpty(portMap),
  PortBindingsRemove: unlessEmpty(portMap),
  MountAdd: unlessEmpty(list(mountRequest)),
  MountRemove: unlessEmpty(list(text())),
});

/** @param document null for an absent body. @throws api.invalid_json */
export function decodeUpdateRequest(document: JsonDocument): UpdateRequest {
  return decode(updateRequest, document, 'UpdateConfig');
}
