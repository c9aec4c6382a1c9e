import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { listProcesses, parseProcessTable } from './process-list.ts';

const refusal = async (parameters: string): Promise<string> => {
  try {
    await listProcesses(parameters, [process.pid]);
    return 'accepted';
  } catch (error) {
    return isFailure(error, 'kernel.process_list_failed') ? error.message : String(error);
  }
};

test('only the rows of the wanted processes must be kept, command lines whole', () => {
  const output = 'UID   PID CMD\nroot    1 init\nroot   77 sh -c sleep 1  && true\napp   78 sleep 5\n';
  assert.deepEqual(parseProcessTable(output, new Set([77, 78])), {
    titles: ['UID', 'PID', 'CMD'],
    rows: [
      ['root', '77', 'sh -c sleep 1 && true'],
      ['app', '78', 'sleep 5'],
    ],
  });
});

test('threads must be kept with their process', () => {
  const output = 'PID SPID\n1 -\n- 1\n77 -\n- 77\n- 79\n80 -\n- 80\n';
  assert.deepEqual(parseProcessTable(output, new Set([77])).rows, [
    ['77', '-'],
    ['-', '77'],
    ['-', '79'],
  ]);
});

test('a space of another alphabet must not end a field', () => {
  assert.deepEqual(parseProcessTable('PID CMD\n5 a\u00a0b\n', new Set([5])).rows, [['5', 'a\u00a0b']]);
});

test("real output must be listed with the titles of ps's options", async () => {
  const table = await listProcesses('', [process.pid]);
  assert.deepEqual(table.titles, ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']);
  assert.deepEqual(table.rows.map((row) => row[1]), [String(process.pid)]);
  assert.deepEqual((await listProcesses('-eo pid,comm', [process.pid])).titles, ['PID', 'COMMAND']);
  // These options cannot go with -q.
  assert.deepEqual((await listProcesses('aux', [process.pid])).rows.length, 1);
});

test("refusals must be in Docker's words", async () => {
  assert.equal(await refusal('-o comm,args'), "Couldn't find PID field in ps output");
  assert.equal(await refusal('-o bogus'), 'ps: error: unknown user-defined format specifier "bogus"');
  assert.equal(await refusal('-eo comm=PID'), 'specifying "comm=PID" is not allowed');
  assert.equal(await refusal('-eo pid=PID'), 'accepted');
  assert.throws(() => parseProcessTable('PID\nx\n', new Set()), /Unexpected pid 'x'/);
});
