/** Containers over the API of a real daemon. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { ApiError } from '#client/client-error.ts';
import { findCgroupMounts } from '#kernel/cgroups/hierarchies.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

let daemon: TestDaemon;
before(async () => {
  daemon = await TestDaemon.start();
});
after(async () => daemon[Symbol.asyncDispose]());

async function created(command: readonly string[], host: Record<string, unknown> = {}, config: Record<string, unknown> = {}): Promise<string> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: [...command], HostConfig: host, ...config } as never);
  return Id;
}

const refused = (status: number, message: string | RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, status, error.message);
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

test('a container must run its command as root of its own namespaces and leave nothing', async () => {
  const { exitCode, output } = await daemon.run(['sh', '-c', 'id -u; hostname; echo $$; ls /; cat /proc/self/status | grep -E "^(Seccomp|NoNewPrivs|CapEff)"; exit 3']);
  assert.equal(exitCode, 3);
  assert.match(output, /^0\n[0-9a-f]{12}\n1\n/);
  assert.match(output, /CapEff:\t00000000a80425fb/);
  assert.match(output, /Seccomp:\t2/);
  await eventually('nothing is left of it', async () => assert.deepEqual(await daemon.remains(), []));
});

test('exit codes must tell signals, missing and forbidden programs', async () => {
  const { client } = daemon;
  assert.equal((await daemon.run(['sh', '-c', 'sh -c "kill -9 \\$\\$"; exit $?'])).exitCode, 137);
  for (const [command, text, exitCode] of [
    ['no-such-command', /exec: "no-such-command": executable file not found in \$PATH$/, 127],
    ['/etc', /exec: "\/etc": is a directory: permission denied$/, 126],
  ] as const) {
    const id = await created([command]);
    await assert.rejects(client.containers.start(id), refused(400, text));
    const { State } = await client.containers.inspect(id);
    assert.deepEqual([State.Status, State.ExitCode], ['created', exitCode]);
    assert.match(State.Error, text);
    await client.containers.remove(id);
  }
  await eventually('failed starts leave nothing', async () => assert.deepEqual(await daemon.remains(), []));
});

test('attached clients must get every byte both ways, whatever they send with their request', async () => {
  const { client } = daemon;
  const id = await created(['sh', '-c', 'cat; echo end >&2'], {}, { OpenStdin: true, StdinOnce: true, AttachStdin: true });
  for (const place of ['before', 'after'] as const) {
    if (place === 'after') await client.containers.start(id);
    const body = '{}';
    const socket = connect({ path: daemon.socket, allowHalfOpen: true });
    socket.write(`POST /v1.51/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = once(socket, 'end');
    await eventually('it is attached', () => Buffer.concat(chunks).includes('\r\n\r\n'));
    if (place === 'before') await client.containers.start(id);
    const sent = randomBytes(3 * 1024 * 1024);
    socket.end(sent);
    await ended;
    const all = Buffer.concat(chunks);
    let at = all.indexOf('\r\n\r\n') + 4;
    const streams = new Map<number, Buffer[]>([[1, []], [2, []]]);
    while (at < all.length) {
      const length = all.readUInt32BE(at + 4);
      streams.get(all.readUInt8(at))?.push(all.subarray(at + 8, at + 8 + length));
      at += 8 + length;
    }
    assert.ok(Buffer.concat(streams.get(1) ?? []).equals(sent), `${place} the start`);
    assert.equal(Buffer.concat(streams.get(2) ?? []).toString(), 'end\n');
    const { result } = await client.containers.wait(id);
    assert.equal((await result).StatusCode, 0);
  }
  await client.containers.remove(id);
});

test('limits must stand in the cgroup of the process', async () => {
  const { client } = daemon;
  const id = await created(['sleep', '60'], { Memory: 64 * 1024 * 1024, NanoCpus: 500_000_000, CpuShares: 512, PidsLimit: 50 });
  await client.containers.start(id);
  const { hierarchies, unified } = findCgroupMounts();
  const read = (controller: string, file: string): string => {
    const mountPoint = hierarchies.find(({ controllers }) => controllers.includes(controller))?.mountPoint ?? unified ?? '';
    return readFileSync(join(mountPoint, daemon.bridge, id, file), 'utf8').trim();
  };
  if (hierarchies.some(({ controllers }) => controllers.includes('memory'))) {
    assert.equal(read('memory', 'memory.limit_in_bytes'), '67108864');
    assert.equal(read('cpu', 'cpu.cfs_quota_us'), '50000');
    assert.equal(read('cpu', 'cpu.shares'), '512');
  } else {
    assert.equal(read('memory', 'memory.max'), '67108864');
    assert.equal(read('cpu', 'cpu.max'), '50000 100000');
  }
  assert.equal(read('pids', 'pids.max'), '50');
  const { State } = await client.containers.inspect(id);
  const member = readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8');
  for (const line of member.trim().split('\n').filter((entry) => /:(memory|cpu|pids|devices):/.test(entry))) assert.ok(line.endsWith(`/${id}`), line);
  await client.containers.remove(id, { force: true });
});

test('a process killed for memory must be reported so', async () => {
  const { client } = daemon;
  const id = await created(['sh', '-c', 'x=a; while :; do x=$x$x; done'], { Memory: 8 * 1024 * 1024, MemorySwap: 8 * 1024 * 1024 });
  const { result } = await client.containers.wait(id, { condition: 'next-exit' });
  await client.containers.start(id);
  assert.equal((await result).StatusCode, 137);
  assert.equal((await client.containers.inspect(id)).State.OOMKilled, true);
  await client.containers.remove(id);
});

test('a stopped container must be started again with the same file system', async () => {
  const { client } = daemon;
  const id = await created(['sh', '-c', 'test -e /mark && exit 2; touch /mark; exit 1']);
  for (const expected of [1, 2]) {
    const { result } = await client.containers.wait(id, { condition: 'next-exit' });
    await client.containers.start(id);
    assert.equal((await result).StatusCode, expected);
    await eventually('it is exited', async () => (await client.containers.inspect(id)).State.Status === 'exited');
  }
  await client.containers.remove(id);
});

test('stop must send the signal, wait, and kill what does not comply', async () => {
  const { client } = daemon;
  const polite = await created(['sh', '-c', 'trap "echo bye; exit 4" TERM; echo ready; while :; do sleep 0.1; done']);
  const deaf = await created(['sleep', '60']);
  for (const id of [polite, deaf]) await client.containers.start(id);
  await eventually('it is ready', async () => (await daemon.logsOf(polite)).includes('ready'));
  await client.containers.stop(polite);
  assert.equal((await client.containers.inspect(polite)).State.ExitCode, 4);
  assert.equal(await daemon.logsOf(polite), 'ready\nbye\n');
  await client.containers.stop(deaf, { timeout: 0 });
  assert.equal((await client.containers.inspect(deaf)).State.ExitCode, 137);
  for (const id of [polite, deaf]) await client.containers.remove(id);
});

test('a name in use must be refused with its holder, and free again after removal', async () => {
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: 'busybox' } as never, { name: 'held' });
  await assert.rejects(
    client.containers.create({ Image: 'busybox' } as never, { name: 'held' }),
    refused(409, `Conflict. The container name "/held" is already in use by container "${Id}". You have to remove (or rename) that container to be able to reuse that name.`),
  );
  await client.containers.remove('held');
  await client.containers.remove((await client.containers.create({ Image: 'busybox' } as never, { name: 'held' })).Id);
});

test('--rm must remove the container with its anonymous volumes when it ends', async () => {
  const { client } = daemon;
  const id = await created(['sh', '-c', 'echo x > /data/x'], { AutoRemove: true }, { Volumes: { '/data': {} } });
  const { result } = await client.containers.wait(id, { condition: 'removed' });
  const { Mounts } = await client.containers.inspect(id);
  await client.containers.start(id);
  assert.equal((await result).StatusCode, 0);
  await assert.rejects(client.containers.inspect(id), refused(404, `No such container: ${id}`));
  assert.equal(existsSync(Mounts[0]?.Source ?? ''), false);
});

test('binds, volumes and tmpfs must show the same bytes on both sides', async () => {
  const { output } = await daemon.run(['sh', '-c', 'cat /host/passwd >/dev/null && echo readable; echo no > /host/x || echo readonly; echo kept > /v/f; df -k /t | tail -1 | awk \'{print $2}\''], {
    Binds: ['/etc:/host:ro', 'shared-data:/v'],
    Tmpfs: { '/t': 'size=1m' },
  });
  assert.match(output, /readable\n/);
  assert.match(output, /readonly\n/);
  assert.match(output, /\n1024\n/);
  assert.equal((await daemon.run(['cat', '/w/f'], { Binds: ['shared-data:/w'] })).output, 'kept\n');
});

test('a bad create must be refused and leave nothing', async () => {
  const { client } = daemon;
  const before = (await client.containers.list({ all: true })).length;
  for (const [body, status, text] of [
    [{ Image: 'nothing-here' }, 404, 'No such image: nothing-here:latest'],
    [{ Image: 'busybox', HostConfig: { Memory: 1024 } }, 400, 'Minimum memory limit allowed is 6MB'],
    [{ Image: 'busybox', WorkingDir: 'relative' }, 400, "the working directory 'relative' is invalid, it needs to be an absolute path"],
    [{ Image: 'busybox', HostConfig: { Binds: ['/a:/b:bogus'] } }, 500, 'invalid mode: bogus'],
    [{ Image: 'busybox', HostConfig: { RestartPolicy: { Name: 'bogus' } } }, 400, /unknown policy 'bogus'/],
    [{ Image: 'busybox', WorkingDir: '/bin/sh' }, 500, 'Cannot mkdir: /bin/sh is not a directory'],
  ] as const) {
    await assert.rejects(client.containers.create(body as never), refused(status, text));
  }
  assert.equal((await client.containers.list({ all: true })).length, before);
});

test('an unknown log driver or signal must be refused as bad input, whatever else is missing', async () => {
  await assert.rejects(created(['true'], { LogConfig: { Type: 'carrier-pigeon', Config: {} } }), refused(400, 'error looking up logging plugin carrier-pigeon: plugin "carrier-pigeon" not found'));
  await assert.rejects(daemon.client.containers.kill('nobody', 'BOGUS'), refused(400, 'cannot kill container: nobody: invalid signal: BOGUS'));
});

test('an import that is refused before it was read to its end must be answered at once', async () => {
  // A name of 48 MiB: refused at its header, while the client still sends.
  const header = Buffer.alloc(512);
  header.write('././@LongLink', 0);
  header.write('0000644\0' + '0000000\0'.repeat(2) + (48 << 20).toString(8).padStart(11, '0') + '\0' + '00000000000\0' + '        L', 100);
  header.write('ustar  \0', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const archive = async function* (): AsyncGenerator<Buffer> {
    yield header;
    const piece = Buffer.alloc(1 << 20, 'a');
    for (let index = 0; index < 48; index += 1) yield piece;
  };
  const signal = AbortSignal.timeout(5000);
  await assert.rejects(daemon.client.images.import('-', { archive: archive(), signal }), refused(500, 'archive/tar: header field too long'));
});
