import assert from 'node:assert/strict';
import test from 'node:test';
import type { EventMessage } from '#schema/event-message.ts';
import { EventLog } from './event-log.ts';
import { eventFilter } from '../system/event-filter.ts';
import { nowNanoseconds } from '#base/timestamp.ts';

const start = (id: string) => ({ type: 'container', action: 'start', id, attributes: { name: `n-${id}`, image: 'busybox:latest' } }) as const;

async function collect(events: AsyncIterable<EventMessage>, count: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const event of events) if (ids.push(event.Actor.ID) === count) break;
  return ids;
}

test('past events must come first, then live ones, each once', async () => {
  const log = new EventLog();
  const since = nowNanoseconds();
  log.publish(start('a'));
  const reading = collect(log.read({ since, until: undefined, signal: new AbortController().signal }), 3);
  log.publish(start('b'));
  await new Promise((resolve) => setImmediate(resolve));
  log.publish(start('c'));
  assert.deepEqual(await reading, ['a', 'b', 'c']);
  assert.equal(log.listenerCount, 0);
});

test('reading must end at its bound and when its reader leaves', async () => {
  const log = new EventLog();
  const since = nowNanoseconds();
  log.publish(start('a'));
  assert.deepEqual(await collect(log.read({ since, until: nowNanoseconds() + 1_000n, signal: new AbortController().signal }), 9), ['a']);
  const leaver = new AbortController();
  const reading = collect(log.read({ since: undefined, until: undefined, signal: leaver.signal }), 9);
  leaver.abort();
  assert.deepEqual(await reading, []);
});

test('filters must match by name, id prefix, image and label', () => {
  const event: EventMessage = {
    Type: 'container', Action: 'exec_start: sh', scope: 'local', time: 0, timeNano: 0n,
    Actor: { ID: 'abcdef', Attributes: { name: 'web', oldName: '/old', image: 'nginx:1', tier: 'front' } },
  };
  for (const filters of [{ container: ['web'] }, { container: ['abc'] }, { event: ['exec_start'] }, { image: ['nginx'] }, { label: ['tier=front'] }, { type: ['image', 'container'] }]) {
    assert.equal(eventFilter(filters)(event), true, JSON.stringify(filters));
  }
  for (const filters of [{ container: ['x'] }, { container: ['old'] }, { event: ['start'] }, { image: ['redis'] }, { label: ['tier=back'] }, { network: ['web'] }]) {
    assert.equal(eventFilter(filters)(event), false, JSON.stringify(filters));
  }
});
