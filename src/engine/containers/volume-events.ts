/** Publishes that a container began or ended to use its volumes. */
import type { EventLog } from '../events/event-log.ts';
import type { ContainerRecord } from './container-record.ts';
import type { PlannedMount } from './planned-mount.ts';

export function publishVolumeEvents(events: EventLog, record: ContainerRecord, action: 'mount' | 'unmount'): void {
  publishMountEvents(events, record.id, record.mounts, action);
}

export function publishMountEvents(events: EventLog, id: string, mounts: readonly PlannedMount[], action: 'mount' | 'unmount'): void {
  for (const { point } of mounts.toSorted((a, b) => (a.point.Destination < b.point.Destination ? -1 : 1))) {
    if (point.Type !== 'volume' || point.Name === undefined) continue;
    const common = { container: id, driver: point.Driver ?? '' };
    const attributes = action === 'unmount' ? common : { ...common, destination: point.Destination, propagation: point.Propagation, 'read/write': String(point.RW) };
    events.publish({ type: 'volume', action, id: point.Name, attributes });
  }
}
