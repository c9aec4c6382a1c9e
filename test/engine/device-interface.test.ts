/** Devices of the Container Device Interface, in containers of a real daemon. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('a device that a vendor describes must be in the container that asks for it, and be shown', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-cdi-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'vendor.yaml'), [
    'cdiVersion: 0.6.0', 'kind: vendor.example/thing', 'devices:', '  - name: one', '    containerEdits:', '      env: [THING=one]', '      deviceNodes:',
    '        - {path: /dev/thing, hostPath: /dev/full}', '      mounts:', `        - {hostPath: ${directory}, containerPath: /thing, options: [ro, rbind]}`, '',
  ].join('\n'));
  writeFileSync(join(directory, 'broken.json'), '{');
  await using daemon = await TestDaemon.start({ arguments: ['--cdi-spec-dir', directory] });
  const request = (...DeviceIDs: string[]) => ({ DeviceRequests: [{ Driver: 'cdi', Count: 0, DeviceIDs, Capabilities: null, Options: null }] });
  const { exitCode, output } = await daemon.run(['sh', '-c', 'echo $THING; ls /thing; stat -c %t:%T /dev/thing; echo x > /dev/thing'], request('vendor.example/thing=one'));
  assert.equal(output, 'one\nbroken.json\nvendor.yaml\n1:7\nsh: write error: No space left on device\n');
  assert.notEqual(exitCode, 0);
  await assert.rejects(daemon.run(['true'], request('vendor.example/thing=two')), { message: 'CDI device injection failed: unresolvable CDI devices vendor.example/thing=two' });
  const info = await daemon.client.system.info() as { CDISpecDirs?: unknown; DiscoveredDevices?: unknown; Warnings?: readonly string[] | null };
  assert.deepEqual([info.CDISpecDirs, info.DiscoveredDevices], [[directory], [{ Source: 'cdi', ID: 'vendor.example/thing=one' }]]);
  assert.ok(info.Warnings?.some((text) => text.startsWith(`CDI: Error associated with spec file ${directory}/broken.json: `)), String(info.Warnings));
});
