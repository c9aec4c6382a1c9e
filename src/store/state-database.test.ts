import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type TestContext } from 'node:test';
import { StateDatabase } from './state-database.ts';

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-state-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'state.db');
}

test('documents must outlive the process that wrote them', (t) => {
  const path = scratch(t);
  {
    using database = new StateDatabase(path);
    const table = database.table<{ value: number }>('things');
    table.put('b', { value: 2 });
    table.put('a', { value: 1 });
    table.put('a', { value: 3 });
    table.put('gone', { value: 9 });
    table.delete('gone');
  }
  using database = new StateDatabase(path);
  assert.deepEqual(database.table('things').entries(), [['a', { value: 3 }], ['b', { value: 2 }]]);
});

test('a transaction that fails must leave nothing of it', (t) => {
  using database = new StateDatabase(scratch(t));
  const table = database.table<number>('things');
  assert.throws(() => database.transaction(() => {
    table.put('a', 1);
    throw new Error('broken');
  }), /broken/);
  assert.deepEqual(table.entries(), []);
  database.transaction(() => database.transaction(() => table.put('a', 1)));
  assert.equal(table.get('a'), 1);
});

test('a file that is no database must be refused by name', (t) => {
  const path = scratch(t);
  writeFileSync(path, 'this is no database, not even nearly one\n'.repeat(200));
  assert.throws(() => new StateDatabase(path), (error: Error) => error.message.includes(path));
});

test('a row that is torn must be told of and left out, and be an error where nobody is told', (t) => {
  const path = scratch(t);
  const told: string[] = [];
  using database = new StateDatabase(path, (table, key) => told.push(`${table} ${key}`));
  const table = database.table<number>('things');
  table.put('sound', 1);
  table.put('torn', 2);
  using other = new DatabaseSync(path);
  other.exec(`UPDATE things SET document = '{"to' WHERE key = 'torn'`);
  assert.deepEqual(table.entries(), [['sound', 1]]);
  assert.deepEqual(told, ['things torn']);
  const seen: string[] = [];
  table.entries((key) => seen.push(key));
  assert.deepEqual(seen, ['torn']);
  using strict = new StateDatabase(path);
  assert.throws(() => strict.table<number>('things').entries(), SyntaxError);
});
