/** Files of the engine's own that are torn, emptied or gone: the daemon starts, tells of them, and everything else works. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

async function begin(daemon: TestDaemon, name: string, command: string[], host: Record<string, unknown> = {}): Promise<{ id: string; merged: string; pid: number }> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: command, HostConfig: host } as never, { name });
  await daemon.client.containers.start(Id);
  const { GraphDriver, State } = await daemon.client.containers.inspect(Id);
  return { id: Id, merged: GraphDriver.Data?.['MergedDir'] ?? '', pid: State.Pid };
}

function halve(path: string): void {
  truncateSync(path, Math.floor(readFileSync(path).length / 2));
}

test('torn rows and files must cost nothing but what they stood for', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const torn = await begin(daemon, 'torn', ['sh', '-c', 'echo kept > /file; echo kept']);
  const running = await begin(daemon, 'torn-running', ['sleep', '3600']);
  const foreign = await begin(daemon, 'foreign', ['true']);
  const ending = await begin(daemon, 'ending', ['sh', '-c', 'sleep 1; exit 4']);
  const rootless = await begin(daemon, 'rootless', ['true']);
  const logged = await begin(daemon, 'logged', ['sh', '-c', 'echo one; echo two']);
  const sound = await begin(daemon, 'sound', ['sleep', '3600']);
  for (const { id } of [torn, foreign, rootless, logged]) await (await client.containers.wait(id)).result;
  await daemon.kill();
  await eventually('it has ended without a daemon', () => !existsSync(`/proc/${ending.pid}`));
  const exitFile = join(daemon.dataRoot, 'containers', ending.id, 'exit.json');
  await eventually('its end is written', () => existsSync(exitFile));

  using database = new DatabaseSync(join(daemon.dataRoot, 'state.db'));
  const change = database.prepare('UPDATE containers SET document = ? WHERE key = ?');
  for (const { id } of [torn, running]) {
    const row = database.prepare('SELECT document FROM containers WHERE key = ?').get(id);
    change.run(String(row?.['document']).slice(0, 300), id);
  }
  change.run('{"id":"something else"}', foreign.id);
  database.close();
  halve(exitFile);
  rmSync(join(rootless.merged, '..'), { recursive: true });
  const log = join(daemon.dataRoot, 'containers', logged.id, `${logged.id}-json.log`);
  writeFileSync(log, `${readFileSync(log, 'utf8')}{"log":"thr`);
  for (const directory of ['bundles', 'runtime', 'runs']) for (const name of readdirSync(join(daemon.executionRoot, directory))) {
    if (name.startsWith(sound.id.slice(0, 32)) && directory === 'bundles') truncateSync(join(daemon.executionRoot, directory, name, 'config.json'), 10);
  }

  await daemon.launch();
  for (const { id } of [torn, running, foreign]) assert.match(daemon.log, new RegExp(`the record of container ${id} is damaged`));
  const names = (await client.containers.list({ all: true })).map(({ Names }) => Names[0]).toSorted();
  assert.deepEqual(names, ['/ending', '/logged', '/rootless', '/sound']);
  // What nobody can manage any more does not run on, and its data is not thrown away.
  await eventually('it is ended', () => !existsSync(`/proc/${running.pid}`));
  assert.equal(readFileSync(join(torn.merged, '../diff/file'), 'utf8'), 'kept\n');
  assert.match(readFileSync(join(daemon.dataRoot, 'containers', torn.id, `${torn.id}-json.log`), 'utf8'), /kept/);

  assert.equal((await client.containers.inspect(ending.id)).State.Status, 'exited');
  assert.equal((await client.containers.inspect(sound.id)).State.Pid, sound.pid);
  assert.equal(await daemon.logsOf(logged.id), 'one\ntwo\n');
  await assert.rejects(client.containers.start(rootless.id), /no such file or directory|ENOENT|cannot/i);
  const { Id: execId } = await client.execs.create(sound.id, { Cmd: ['true'] });
  await assert.rejects(client.execs.startDetached(execId, { Tty: false }), /.+/);
  assert.equal((await daemon.run(['echo', 'others'])).output, 'others\n');
  for (const { id } of [ending, rootless, logged, sound]) await client.containers.remove(id, { force: true });
  // The names of the damaged ones are free.
  const { Id } = await client.containers.create({ Image: 'busybox' }, { name: 'torn' });
  await client.containers.remove(Id);
  await daemon.stop();
  await daemon.launch();
  assert.ok(existsSync(join(torn.merged, '../diff/file')), 'also after the next start');
});

test('a daemon without its database must refuse a data root with containers, and touch nothing', async () => {
  await using daemon = await TestDaemon.start();
  const { Id } = await daemon.client.containers.create({ Image: 'busybox' });
  await daemon.stop();
  const path = join(daemon.dataRoot, 'state.db');
  const content = readFileSync(path);
  for (const damage of [() => truncateSync(path, 0), () => rmSync(path), () => writeFileSync(path, content.subarray(0, 6000))]) {
    damage();
    await assert.rejects(daemon.launch(), /state database .* (is missing or empty|cannot be read)[^]*put back a copy/);
    assert.ok(existsSync(join(daemon.dataRoot, 'containers', Id)));
  }
  writeFileSync(path, content);
  await daemon.launch();
  assert.equal((await daemon.client.containers.inspect(Id)).State.Status, 'created');
});
