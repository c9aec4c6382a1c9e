import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { StateDatabase } from '#store/state-database.ts';
import { VolumeFilling } from './volume-filling.ts';

function scratch(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-filling-'));
  const database = new StateDatabase(join(directory, 'state.db'));
  const root = join(directory, 'content');
  mkdirSync(join(root, 'deep'), { recursive: true });
  t.after(() => {
    database[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  return { database, root, volume: { name: 'data', root, beside: undefined } };
}

/** What a killed daemon leaves: a copy that never ends. */
async function crashWhile(filling: VolumeFilling, ...[volume, directory, copy]: [Parameters<VolumeFilling['fill']>[0], string, (destination: string) => void]): Promise<void> {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  void filling.fill(volume, directory, {
    isShared: () => true,
    copy: async (destination) => {
      copy(destination);
      resolve();
      await new Promise(() => undefined);
    },
  });
  await reached;
}

test('a copy that a crash cut short must leave an empty directory', async (t) => {
  const { database, root, volume } = scratch(t);
  await crashWhile(new VolumeFilling(database), volume, join(root, 'deep'), (destination) => writeFileSync(join(destination, 'half'), ''));
  assert.deepEqual(readdirSync(join(root, 'deep')), []);
  const next = new VolumeFilling(database);
  assert.equal(next.isOpen('data'), true);
  await next.finish(volume);
  assert.deepEqual([readdirSync(root), next.isOpen('data'), new VolumeFilling(database).isOpen('data')], [['deep'], false, false]);
});

test('a copy that was whole at the crash must be moved to its end, and what others put there must stay theirs', async (t) => {
  const { database, root, volume } = scratch(t);
  const staged = join(root, '.dhow-filling');
  // The crash came between the moves of `one` and `two`.
  mkdirSync(staged);
  chmodSync(staged, 0o1777);
  writeFileSync(join(root, 'deep/one'), '1');
  writeFileSync(join(staged, 'two'), '2');
  writeFileSync(join(staged, 'theirs'), 'of the image');
  writeFileSync(join(root, 'deep/theirs'), 'of somebody');
  database.table('volume_fillings').put('data', { directory: 'deep', phase: 'moving' });
  await new VolumeFilling(database).finish(volume);
  assert.deepEqual([readdirSync(root), readdirSync(join(root, 'deep')).sort()], [['deep'], ['one', 'theirs', 'two']]);
  assert.equal(readFileSync(join(root, 'deep/theirs'), 'utf8'), 'of somebody');
  assert.equal(statSync(join(root, 'deep')).mode & 0o7777, 0o1777);
});

test('a directory that has something in it must be left alone, and a copy that fails must leave nothing', async (t) => {
  const { database, root, volume } = scratch(t);
  const filling = new VolumeFilling(database);
  const copy = async (destination: string): Promise<void> => writeFileSync(join(destination, 'file'), '');
  await filling.fill(volume, root, { copy, isShared: () => false });
  assert.deepEqual(readdirSync(root), ['deep']);
  const failing = async (destination: string): Promise<void> => {
    await copy(destination);
    throw new Error('the disk is full');
  };
  await assert.rejects(filling.fill(volume, join(root, 'deep'), { copy: failing, isShared: () => false }), /the disk is full/);
  assert.deepEqual([readdirSync(root), readdirSync(join(root, 'deep')), filling.isOpen('data')], [['deep'], [], false]);
  await filling.fill(volume, join(root, 'deep'), { copy, isShared: () => false });
  assert.deepEqual(readdirSync(join(root, 'deep')), ['file']);
});
