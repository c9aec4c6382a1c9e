import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { unmount } from '#kernel/mounts.ts';
import { runProgram } from '#kernel/run-program.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { runInContainer } from '../fixtures/run-in-container.ts';

const mebibyte = 1024 * 1024;

interface LimitedDisk {
  readonly directory: string;
  /** False: this kernel cannot limit projects there. */
  readonly limits: boolean;
}

/** A file system of its own, with limits where the kernel has them. */
async function makeDisk(t: TestContext, type: 'ext4' | 'xfs'): Promise<LimitedDisk> {
  const root = mkdtempSync(join(tmpdir(), 'dhow-quota-'));
  const [image, directory] = [join(root, 'image'), join(root, 'disk')];
  mkdirSync(directory);
  t.after(() => {
    while (unmount(directory));
    rmSync(root, { recursive: true, force: true });
  });
  writeFileSync(image, '');
  truncateSync(image, 400 * mebibyte);
  const make = type === 'ext4' ? ['mkfs.ext4', '-q', '-F', '-O', 'quota,project', '-E', 'quotatype=prjquota', image] : ['mkfs.xfs', '-q', image];
  const made = await runProgram(make[0] ?? '', make.slice(1)).catch(() => ({ exitCode: 1 }));
  const mounted = made.exitCode === 0 && (await runProgram('mount', ['-o', `loop,${type === 'ext4' ? 'prjquota' : 'pquota'}`, image, directory])).exitCode === 0;
  return { directory, limits: mounted };
}

for (const type of ['ext4', 'xfs'] as const) {
  test(`sizes of volumes and of containers’ own files must be kept on ${type} with project quotas, and be refused without`, async (t) => {
    const disk = await makeDisk(t, type);
    await using daemon = await TestDaemon.start({ arguments: disk.limits ? ['--data-root', join(disk.directory, 'data')] : [] });
    const { client } = daemon;
    const create = (): Promise<unknown> => client.volumes.create({ Name: 'small', DriverOpts: { size: '4m' } });
    const host = { StorageOpt: { size: '5m' } };
    if (!disk.limits) {
      await assert.rejects(create(), { status: 400, message: 'create small: quota size requested but no quota support' });
      await assert.rejects(client.containers.create({ Image: 'busybox', HostConfig: host }), { status: 500, message: "--storage-opt is supported only for overlay over xfs with 'pquota' mount option" });
      return;
    }
    await create();
    const write = (path: string, megabytes: number): string => `dd if=/dev/zero of=${path} bs=1M count=${megabytes} 2>&1; stat -c %s ${path}`;
    const written = (output: string): number => Number(output.trim().split('\n').at(-1));
    assert.equal(written(await runInContainer(client, write('/d/fits', 2), { Binds: ['small:/d'] })), 2 * mebibyte);
    const over = await runInContainer(client, write('/d/over', 8), { Binds: ['small:/d'] });
    assert.match(over, /No space left on device|quota exceeded/i);
    assert.ok(written(over) <= 2 * mebibyte, over);

    const own = await runInContainer(client, write('/file', 8), host);
    assert.match(own, /No space left on device|quota exceeded/i);
    assert.ok(written(own) <= 5 * mebibyte, own);
    assert.equal(written(await runInContainer(client, write('/file', 8), {})), 8 * mebibyte);
    await assert.rejects(client.containers.create({ Image: 'busybox', HostConfig: { StorageOpt: { size: 'big' } } }), { message: "invalid size: 'big'" });

    // Numbers of projects go on where the daemon before ended: no two directories share one.
    await daemon.kill();
    await daemon.launch();
    await client.volumes.create({ Name: 'other', DriverOpts: { size: '4m' } });
    assert.equal(written(await runInContainer(client, write('/d/whole', 3), { Binds: ['other:/d'] })), 3 * mebibyte);
    // What the image has there comes beside the content first, and counts.
    await client.volumes.create({ Name: 'filled', DriverOpts: { size: '4m' } });
    assert.match(await runInContainer(client, `cat /etc/passwd; ${write('/etc/over', 8)}`, { Binds: ['filled:/etc'] }), /^root:[^]*(No space left on device|quota exceeded)/i);
  });
}
