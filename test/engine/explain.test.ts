/** `explain` on real containers: each cause with its proof. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { Explanation } from '#schema/explanation.ts';
import { eventually } from '../fixtures/eventually.ts';
import { shimOf } from '../fixtures/shim-of.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('explain must name the cause of an end, with proof', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const directory = mkdtempSync(join(tmpdir(), 'dhow-explain-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const make = async (Cmd: string[], HostConfig: object = {}, more: object = {}): Promise<string> => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd, HostConfig, ...more } as never);
    return Id;
  };
  const ended = async (id: string): Promise<Explanation> => {
    await eventually('it ended', async () => assert.equal((await client.containers.inspect(id)).State.Status, 'exited'));
    return client.containers.explain(id);
  };
  const run = async (Cmd: string[], HostConfig: object = {}, more: object = {}): Promise<Explanation> => {
    const id = await make(Cmd, HostConfig, more);
    await client.containers.start(id);
    return ended(id);
  };
  const proves = (explanation: Explanation, cause: string, evidence: RegExp): void => {
    assert.equal(explanation.Cause, cause, JSON.stringify(explanation));
    assert.match(explanation.Evidence.join('\n'), evidence);
    assert.notEqual(explanation.NextStep, '');
  };
  const sleeper = ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done'];

  await t.test('exit codes, with the last lines of the log', async () => {
    const failed = await run(['sh', '-c', 'for i in $(seq 20); do echo line $i; done; echo bad >&2; exit 7']);
    proves(failed, 'failed', /ended by itself with exit code 7/);
    assert.equal(failed.LastLines.length, 10);
    assert.deepEqual(failed.LastLines.find(({ Stream }) => Stream === 'stderr'), { Stream: 'stderr', Line: 'bad' });
    proves(await run(['true']), 'finished', /exit code 0/);
    proves(await run(['sh', '-c', 'nosuchcommand']), 'command-not-found', /127/);
    proves(await run(['sh', '-c', 'exit 126']), 'command-not-executable', /126/);
    proves(await run(['sh', '-c', 'exit 137']), 'failed', /by convention, exit code 137 .*SIGKILL/);
    proves(await client.containers.explain(await make(['true'])), 'never-started', /created at/);
  });

  await t.test('lack of memory, with the limit and the peak', async () => {
    const explanation = await run(['sh', '-c', 'x=a; while :; do x=$x$x; done'], { Memory: 12 * 1024 * 1024, MemorySwap: 12 * 1024 * 1024 });
    proves(explanation, 'out-of-memory', /memory limit is 12MiB/);
    assert.match(explanation.Verdict, /reached its memory limit of 12MiB/);
  });

  await t.test('requests, with who made them', async () => {
    const stopped = await make(sleeper);
    await client.containers.start(stopped);
    await eventually('it is ready', async () => assert.match(await daemon.logsOf(stopped), /ready/));
    await client.containers.stop(stopped);
    proves(await ended(stopped), 'stopped', new RegExp(`SIGTERM was sent: stop by uid ${process.getuid?.()} \\(process ${process.pid}, `));
    const killed = await make(sleeper);
    await client.containers.start(killed);
    await client.containers.kill(killed);
    proves(await ended(killed), 'killed', /signal 9 \(SIGKILL\)/);
    const stubborn = await make(['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']);
    await client.containers.start(stubborn);
    await eventually('it is ready', async () => assert.match(await daemon.logsOf(stubborn), /ready/));
    await client.containers.stop(stubborn, { timeout: 0 });
    const explanation = await ended(stubborn);
    proves(explanation, 'stopped', /SIGKILL was sent: stop/);
    assert.match(explanation.Verdict, /did not end in time/);
  });

  await t.test('signals that nobody asked the engine for, also when no daemon saw them', async () => {
    const id = await make(sleeper);
    await client.containers.start(id);
    const { State } = await client.containers.inspect(id);
    await daemon.kill();
    process.kill(State.Pid, 'SIGKILL');
    await daemon.launch();
    proves(await ended(id), 'killed-from-outside', /no request to this engine sent the signal/);
    proves(await run(['sh', '-c', 'ulimit -c 0; sh -c "kill -SEGV \\$\\$"; exit $?']), 'failed', /SIGSEGV/);
    // Process 1 of a namespace is spared signals that it has no handler for.
    const crashed = await make(sleeper, { PidMode: 'host' });
    await client.containers.start(crashed);
    process.kill((await client.containers.inspect(crashed)).State.Pid, 'SIGSEGV');
    proves(await ended(crashed), 'crashed', /signal 11 \(SIGSEGV\)/);
  });

  await t.test('starts that failed', async () => {
    const failing = async (Cmd: string[], HostConfig: object = {}, more: object = {}): Promise<Explanation> => {
      const id = await make(Cmd, HostConfig, more);
      await assert.rejects(client.containers.start(id));
      return client.containers.explain(id);
    };
    proves(await failing(['nosuch']), 'executable-missing', /executable file not found/);
    proves(await failing(['/bin']), 'executable-not-permitted', /permission denied/);
    proves(await failing(['true'], { LogConfig: { Type: 'fluentd', Config: { 'fluentd-address': '127.0.0.1:1' } } }), 'log-driver', /connection refused/);
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const address = server.address();
    const HostPort = String(typeof address === 'object' && address !== null ? address.port : 0);
    proves(await failing(['true'], { PortBindings: { '80/tcp': [{ HostIp: '', HostPort }] } }, { ExposedPorts: { '80/tcp': {} } }), 'port-taken', /start ended with/);
    server.close();
    const donor = await make(['true']);
    proves(await failing(['true'], { NetworkMode: `container:${donor}` }), 'dependency-not-running', /non running container/);
    await client.networks.create({ Name: 'passing' } as never);
    const orphan = await make(['true'], { NetworkMode: 'passing' });
    await client.networks.remove('passing');
    await assert.rejects(client.containers.start(orphan));
    proves(await client.containers.explain(orphan), 'network-missing', /passing/);
  });

  await t.test('programs, directories and mounts that are not what they shall be', async () => {
    const garbage = join(directory, 'garbage');
    writeFileSync(garbage, 'no program\0', { mode: 0o755 });
    proves(await run(['/garbage'], { Binds: [`${garbage}:/garbage`] }), 'executable-format', /the runtime could not execute it: exec \/garbage: exec format error/);
    const place = join(directory, 'place');
    mkdirSync(place);
    const unmounted = await make(['true'], { Mounts: [{ Type: 'bind', Source: place, Target: '/place' }] });
    rmSync(place, { recursive: true });
    await assert.rejects(client.containers.start(unmounted));
    proves(await client.containers.explain(unmounted), 'volume-missing', /bind source path does not exist/);
    const own = join(directory, 'own');
    mkdirSync(own);
    writeFileSync(join(own, 'work'), 'no directory');
    const closed = await make(['true'], { Binds: [`${own}:/own`] }, { WorkingDir: '/own/work' });
    await assert.rejects(client.containers.start(closed));
    proves(await client.containers.explain(closed), 'working-directory-missing', /chdir to cwd/);
  });

  await t.test('the process that holds a container, killed', async () => {
    const id = await make(sleeper);
    await client.containers.start(id);
    process.kill(shimOf(id), 'SIGKILL');
    const explanation = await ended(id);
    proves(explanation, 'shim-lost', /./);
    assert.equal(explanation.ExitCode, 137);
  });

  await t.test('what runs, and what keeps being started again', async () => {
    const id = await make(sleeper);
    await client.containers.start(id);
    proves(await client.containers.explain(id), 'running', /running since/);
    await client.containers.pause(id);
    proves(await client.containers.explain(id), 'paused', /process \d+/);
    await client.containers.remove(id, { force: true });
    const looping = await make(['sh', '-c', 'exit 5'], { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } });
    await client.containers.start(looping);
    await eventually('it waits for a restart', async () => proves(await client.containers.explain(looping), 'restarting', /exit code 5/));
    await client.containers.remove(looping, { force: true });
    const sick = await make(sleeper, {}, { Healthcheck: { Test: ['CMD-SHELL', 'echo no answer; exit 1'], Interval: 50e6, Retries: 1 } });
    await client.containers.start(sick);
    await eventually('it is unhealthy', async () => proves(await client.containers.explain(sick), 'unhealthy', /probes? failed: no answer/));
    await client.containers.remove(sick, { force: true });
  });
});
