/** The `filters` of `GET /events`, as Docker matches them: values of one name are alternatives, names must all hold. */
import type { EventMessage } from '#schema/event-message.ts';
import { matchesLabels } from '../containers/container-filters.ts';
import type { Filters } from '../contract.ts';

export function eventFilter(filters: Filters): (event: EventMessage) => boolean {
  const anyOf = (name: string, test: (value: string) => boolean): boolean => filters[name] === undefined || filters[name].length === 0 || filters[name].some(test);
  const actor = (event: EventMessage, type: EventMessage['Type']): boolean =>
    anyOf(type, (value) => {
      if (event.Type !== type) return false;
      const name = event.Actor.Attributes['name'] ?? '';
      return event.Actor.ID.startsWith(value) || name === value;
    });
  return (event) =>
    // `exec_start: sh -c true` is asked for as `exec_start`.
    anyOf('event', (value) => event.Action === value || event.Action.startsWith(`${value}:`)) &&
    anyOf('type', (value) => event.Type === value) &&
    anyOf('scope', (value) => event.scope === value) &&
    anyOf('daemon', (value) => event.Type === 'daemon' && (event.Actor.ID === value || event.Actor.Attributes['name'] === value)) &&
    actor(event, 'container') &&
    actor(event, 'network') &&
    actor(event, 'volume') &&
    actor(event, 'plugin') &&
    // Things of swarms, of which there are none here.
    ['service', 'node', 'secret', 'config'].every((name) => anyOf(name, () => false)) &&
    anyOf('image', (value) => matchesImage(event, value)) &&
    matchesLabels(event.Actor.Attributes, filters['label']);
}

/** By id or name, of image events and of the containers made from it; a name without a tag means every tag. */
function matchesImage(event: EventMessage, value: string): boolean {
  const name = event.Type === 'image' ? (event.Actor.Attributes['name'] ?? '') : (event.Actor.Attributes['image'] ?? '');
  return [event.Actor.ID, name, withoutTag(event.Actor.ID), withoutTag(name)].includes(value);
}

function withoutTag(name: string): string {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
