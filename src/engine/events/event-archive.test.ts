import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { EventMessage } from '#schema/event-message.ts';
import { EventArchive } from './event-archive.ts';

const event = (moment: bigint): EventMessage => ({ Type: 'daemon', Action: 'reload', Actor: { ID: 'x', Attributes: { text: '"timeNano":7}' } }, scope: 'local', time: 1, timeNano: moment });

async function momentsOf(archive: EventArchive, since: bigint, until: bigint): Promise<bigint[]> {
  const found: bigint[] = [];
  for await (const { timeNano } of archive.read(since, until)) found.push(timeNano);
  return found;
}

test('events must be found again over segments, restarts and torn lines, and the oldest segments must go', async () => {
  const directory = mkdtempSync('/tmp/dhow-events-');
  const options = { directory, segmentSize: 400, segments: 3, warn: (message: string) => assert.fail(message) };
  try {
    const base = 1_795_241_355_528_123_451n;
    {
      using archive = new EventArchive(options);
      for (let at = 0n; at < 10n; at += 1n) {
        archive.append(event(base + at));
        archive.flush();
      }
      assert.equal(readdirSync(directory).length, 3);
      assert.deepEqual((await momentsOf(archive, base, base + 8n)).at(-1), base + 8n);
    }
    const newest = readdirSync(directory).toSorted().at(-1) ?? '';
    appendFileSync(join(directory, newest), '{"Type":"daem');
    using again = new EventArchive(options);
    again.append(event(base + 20n));
    const found = await momentsOf(again, base + 9n, base + 100n);
    assert.deepEqual(found, [base + 9n, base + 20n]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
