/** Whatever is done to an archive, it must be refused with a word or come out byte for byte. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { makeTree, run, temporaryDirectory, testStore } from './fixtures.ts';

/** Numbers that are the same in every run. */
function* numbers(seed: string): Generator<number> {
  for (let count = 0; ; count++) yield createHash('md5').update(`${seed} ${count}`).digest().readUInt32LE();
}

/** Gives a header the checksum it should have, so that damage is met by what reads behind that. */
function mendChecksums(archive: Buffer): void {
  for (let start = 0; start + 512 <= archive.length; start += 512) {
    if (archive.toString('latin1', start + 257, start + 262) !== 'ustar') continue;
    archive.fill(0x20, start + 148, start + 156);
    const sum = archive.subarray(start, start + 512).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, start + 148, 'latin1');
  }
}

for (const format of ['gnu', 'posix'] as const) {
  test(`a damaged archive of format ${format} must be refused or come out whole`, async () => {
    using source = temporaryDirectory();
    using layers = testStore();
    makeTree(source.path, { longNames: true, bytes: true });
    const original = run('tar', [`--format=${format}`, '--sparse', '--exclude=./large', '-C', source.path, '-cf', '-', '.']);
    const outside = readdirSync('/');
    const random = numbers(format);
    const next = (limit: number): number => (random.next().value ?? 0) % limit;
    const outcomes = { refused: 0, whole: 0 };
    for (let round = 0; round < 150; round++) {
      const archive = Buffer.from(original);
      for (let damage = 0; damage <= next(4); damage++) archive[next(archive.length)] = next(3) === 0 ? 0x2f : next(256);
      if (round % 3 !== 0) mendChecksums(archive);
      const given = round % 10 === 9 ? archive.subarray(0, next(archive.length)) : archive;
      try {
        const layer = await layers.apply(given, { maximumSize: 100_000_000 });
        assert.ok((await layers.archive(layer.chainId)).equals(given), `round ${round}`);
        await layers.store.remove(layer.chainId);
        outcomes.whole++;
      } catch (error) {
        if (!isFailure(error, 'layer.invalid_archive') && !isFailure(error, 'layer.too_large')) throw error;
        outcomes.refused++;
      }
      assert.deepEqual(layers.leftovers(), [], `round ${round}`);
    }
    assert.ok(outcomes.refused > 10 && outcomes.whole > 10, JSON.stringify(outcomes));
    assert.deepEqual(readdirSync('/'), outside);
  });
}
