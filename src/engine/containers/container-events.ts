/** Publishes a container's facts with the attributes Docker's events carry: labels, image and name. */
import type { EventLog } from '../events/event-log.ts';
import type { ContainerRecord } from './container-record.ts';

export function publishContainerEvent(events: EventLog, record: ContainerRecord, action: string, attributes: Readonly<Record<string, string>> = {}): void {
  events.publish({
    type: 'container',
    action,
    id: record.id,
    attributes: { ...record.config.Labels, image: record.config.Image, name: record.name, ...attributes },
  });
}

/** A command as events of execs show it: the program, a space, and its arguments. */
export function commandText([program = '', ...parameters]: readonly string[]): string {
  return `${program} ${parameters.join(' ')}`;
}

/** `network connect` or `disconnect` of every endpoint of a sandbox. */
export function publishNetworkEvents(events: EventLog, record: ContainerRecord, action: 'connect' | 'disconnect'): void {
  for (const [name, endpoint] of Object.entries(record.sandbox?.endpoints ?? {})) {
    events.publish({ type: 'network', action, id: endpoint.networkId, attributes: { container: record.id, name, type: endpoint.driver } });
  }
}
