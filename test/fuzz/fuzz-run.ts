/**
 * A bounded, reproducible series of random inputs. `DHOW_FUZZ_SECONDS` is how long each series lasts (default 3),
 * `DHOW_FUZZ_SEED` which one it is (`random`: another each time) and `DHOW_FUZZ_ONLY` the number of the one input to try.
 */
import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { EngineError, messageOf } from '#base/errors/failure.ts';

/** Numbers that follow from a seed. */
export class Random {
  #state: number;

  constructor(seed: string) {
    this.#state = createHash('sha256').update(seed).digest().readUInt32LE();
  }

  /** A whole number from 0 to below `limit` (mulberry32). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
}

const seconds = Number(process.env['DHOW_FUZZ_SECONDS'] ?? 3);
const asked = process.env['DHOW_FUZZ_SEED'] ?? '1';
const seed = asked === 'random' ? String(randomInt(2 ** 31)) : asked;
const only = process.env['DHOW_FUZZ_ONLY'];

/** One input may take so much time of the processor, in milliseconds. */
const mostTime = 5000;
const mostMemory = 600 * 1024 * 1024;

/** Tries inputs until the time is over, but always some. `attempt` throws only what is an answer: coded errors. */
export async function fuzz(t: TestContext, attempt: (random: Random) => Promise<void> | void): Promise<void> {
  const end = performance.now() + seconds * 1000;
  let tried = 0;
  for (let number = only === undefined ? 0 : Number(only); number === 0 || tried < 50 || performance.now() < end; number++) {
    const place = `DHOW_FUZZ_SEED=${seed} DHOW_FUZZ_ONLY=${number}`;
    const before = process.cpuUsage();
    try {
      await attempt(new Random(`${t.name} ${seed} ${number}`));
    } catch (error) {
      if (!(error instanceof EngineError)) throw new Error(`${place}: ${messageOf(error)}`, { cause: error });
      assert.notEqual(error.message.trim(), '', place);
    }
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < mostTime, `${place} took ${(user + system) / 1000} ms`);
    tried++;
    if (only !== undefined) break;
  }
  const { heapUsed, external } = process.memoryUsage();
  assert.ok(heapUsed + external < mostMemory, `memory grew to ${heapUsed + external} bytes`);
  t.diagnostic(`${tried} inputs of seed ${seed}`);
}
