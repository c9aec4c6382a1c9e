import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('settings of containers must be refused or have their effect as in Docker', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const output = async (Cmd: string[], HostConfig: object = {}): Promise<string> => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd, HostConfig });
    await client.containers.start(Id);
    await (await client.containers.wait(Id)).result;
    const text = await daemon.logsOf(Id);
    await client.containers.remove(Id, { force: true });
    return text;
  };

  await t.test('the create request must be refused with Docker’s text and status', async () => {
    for (const [settings, status, message] of [
      [{ SecurityOpt: ['x=y'] }, 500, 'invalid --security-opt 2: "x=y"'],
      [{ ExtraHosts: ['x'] }, 400, 'bad format for add-host: "x"'],
      [{ ExtraHosts: ['x:y'] }, 400, 'invalid IP address in add-host: "y"'],
      [{ Annotations: { '': 'x' } }, 400, 'invalid Annotations: the empty string is not permitted as an annotation key'],
      [{ StorageOpt: { size: '1G' } }, 500, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"],
      [{ Binds: ['/a:b'] }, 500, "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute"],
      [{ AutoRemove: true, RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } }, 400, "can't create 'AutoRemove' container with restart policy"],
    ] as const) {
      await assert.rejects(client.containers.create({ Image: 'busybox', Cmd: ['true'], HostConfig: settings as object }), { status, message });
    }
  });

  await t.test('signals must be judged as Docker does', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '1000'] });
    await assert.rejects(client.containers.kill(Id, '99'), { status: 400, message: `cannot kill container: ${Id}: the linux daemon does not support signal 99` });
    await assert.rejects(client.containers.kill(Id, 'bogus'), { status: 400, message: `cannot kill container: ${Id}: invalid signal: bogus` });
    await client.containers.remove(Id, { force: true });
  });

  await t.test('/dev must hold the link core where the kernel has /proc/kcore, and only there', async () => {
    assert.equal((await output(['ls', '/dev'])).split('\n').includes('core'), existsSync('/proc/kcore'));
  });

  await t.test('shared memory that others may join must be mounted as a private one is', async () => {
    assert.match(await output(['grep', ' /dev/shm ', '/proc/mounts'], { IpcMode: 'shareable' }), /^shm \/dev\/shm tmpfs rw,nosuid,nodev,noexec,relatime/);
  });

  await t.test('a read-only root must have read-only files of the network, and binds of files', async () => {
    const text = await output(['sh', '-c', 'for file in /x /etc/hosts /mine; do touch $file; done; echo end'], { ReadonlyRootfs: true, Binds: ['/etc/passwd:/mine:ro'] });
    assert.equal(text.match(/Read-only file system/g)?.length, 3);
    assert.match(text, /^end$/m);
  });

  await t.test('a read-only bind must be read-only with what is mounted below it', async () => {
    const bind = { Type: 'bind', Source: '/dev', Target: '/outer', ReadOnly: true };
    const write = ['sh', '-c', 'echo x > /outer/shm/dhow-settings-test && rm /outer/shm/dhow-settings-test && echo written'];
    assert.match(await output(write, { Mounts: [bind] }), /Read-only file system/);
    assert.match(await output(write, { Mounts: [{ ...bind, BindOptions: { ReadOnlyNonRecursive: true } }] }), /^written/);
  });
});
