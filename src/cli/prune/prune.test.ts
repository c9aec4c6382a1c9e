import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '#client/client.ts';
import { parseEndpoint } from '#client/endpoint.ts';
import { startCannedDaemon } from '#test/cli/canned-daemon.ts';
import { pruneFilters } from './prune-filters.ts';
import { pruneBuildCache, pruneContainers, pruneImages, pruneNetworks } from './prune-objects.ts';

const never = new AbortController().signal;

test('filters of the configuration must be added unless the user asked for the opposite', () => {
  const configured = { pruneFilters: ['label=keep', 'label!=gone', 'until=1h', 'nonsense'] };
  assert.deepEqual(pruneFilters({}, configured), { label: ['keep'], 'label!': ['gone'], until: ['1h'] });
  assert.deepEqual(pruneFilters({ 'label!': ['keep'], label: ['gone', 'x'] }, configured), { 'label!': ['keep'], label: ['gone', 'x'], until: ['1h'] });
  assert.deepEqual(pruneFilters({ until: ['1h'] }, {}), { until: ['1h'] });
});

test('what was removed must be told with a heading, and nothing where nothing was', async () => {
  await using daemon = await startCannedDaemon({
    'POST /containers/prune': { ContainersDeleted: ['c1', 'c2'], SpaceReclaimed: 10 },
    'POST /images/prune': { ImagesDeleted: [{ Untagged: 'a:1' }, { Deleted: 'sha256:1' }], SpaceReclaimed: 20 },
    'POST /networks/prune': { NetworksDeleted: null },
  });
  await using client = new Client({ endpoint: parseEndpoint(daemon.address) });
  assert.deepEqual(await pruneContainers(client, {}, never), { reclaimed: 10, text: 'Deleted Containers:\nc1\nc2\n' });
  assert.deepEqual(await pruneImages(client, { label: ['x'] }, { all: true, signal: never }), { reclaimed: 20, text: 'Deleted Images:\nuntagged: a:1\ndeleted: sha256:1\n' });
  assert.deepEqual(await pruneNetworks(client, {}, never), { reclaimed: 0, text: '' });
  // A daemon that has no build cache has no such endpoint.
  assert.deepEqual(await pruneBuildCache(client, {}, { all: false, signal: never }), { reclaimed: 0, text: '' });
  assert.equal(decodeURIComponent(daemon.requests[1] ?? ''), 'POST /images/prune?filters={"label":{"x":true},"dangling":{"false":true}}');
});
