/** Proves that all that a daemon has on its disk is somebody's. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { StorageReport } from '#schema/storage-report.ts';
import { eventually } from '../fixtures/eventually.ts';
import type { TestDaemon } from '../fixtures/test-daemon.ts';

/** What `du` says; mounts are not part of it. */
function diskUsage(directory: string): number {
  return Number(execFileSync('du', ['-sx', '--block-size=1', directory], { encoding: 'utf8' }).split('\t')[0]);
}

/** Everything has an owner, nothing is damaged, and the sizes are the file system's own. */
export async function assertOwned({ client, dataRoot }: TestDaemon, when: string): Promise<StorageReport> {
  // The database and the events are written beside; both must have been looked at between two of these.
  const reports: StorageReport[] = [];
  await eventually(`sizes agree ${when}`, async () => {
    const before = diskUsage(dataRoot);
    const report = await client.system.checkStorage({ deep: false });
    assert.deepEqual([report.Orphans, report.Damaged], [[], []], when);
    assert.equal(report.Usage.reduce((sum, { Bytes }) => sum + Bytes, 0), report.Bytes);
    assert.equal(report.Bytes, before, when);
    reports.push(report);
  });
  const [report] = reports;
  assert.ok(report !== undefined);
  return report;
}
