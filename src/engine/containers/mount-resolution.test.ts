import assert from 'node:assert/strict';
import test from 'node:test';
import { resolveMount, type MountFacts, type MountSources } from './mount-resolution.ts';
import type { PlannedMount } from './planned-mount.ts';

const bind = (readonlyForceRecursive: boolean): PlannedMount => ({
  point: { Type: 'bind', Source: '/tmp', Destination: '/there', Mode: '', RW: false, Propagation: 'rprivate' },
  copyUp: false, makeSource: false, anonymous: false, readonlyForceRecursive,
});
const facts = (recursiveReadonly: boolean): MountFacts => ({ containerId: 'c0ffee', rootfs: '/nowhere', recursiveReadonly });

test('a mount that must be read-only with all below it must be refused where the kernel cannot do that', async () => {
  // A bind needs neither volumes nor images.
  const sources = {} as MountSources;
  await assert.rejects(resolveMount(bind(true), sources, facts(false)), { code: 'mount.recursive_readonly_unsupported', message: /^rro is not supported: / });
  assert.ok((await resolveMount(bind(false), sources, facts(false))).options.includes('ro'));
  assert.ok((await resolveMount(bind(true), sources, facts(true))).options.includes('rro'));
});
