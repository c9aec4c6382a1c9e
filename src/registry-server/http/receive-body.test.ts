import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import { receiveBody } from './receive-body.ts';

/** A request as far as bodies go. */
function requestOf(stream: PassThrough): IncomingMessage {
  return Object.assign(stream, { complete: false }) as unknown as IncomingMessage;
}

test('a body that trickles must be given up, and one that is fast enough be waited for', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));
  let received = 0;
  const stream = new PassThrough();
  const receiving = receiveBody(requestOf(stream), 10, (chunk) => {
    received += chunk.length;
    return undefined;
  });
  const outcome = receiving.then(() => 'taken', (error: unknown) => error);
  for (let minute = 1; minute <= 3; minute++) {
    stream.write(Buffer.alloc(600));
    await turn();
    t.mock.timers.tick(60_000);
    await turn();
  }
  stream.write(Buffer.alloc(599));
  await turn();
  t.mock.timers.tick(60_000);
  const refusal = await outcome;
  assert.ok(refusal instanceof Error);
  assert.match(refusal.message, /^the body came at less than 10 bytes a second$/);
  assert.equal(Reflect.get(refusal, 'status'), 408);
  assert.equal(received, 3 * 600 + 599);
});
