/** BuildKit's calls in the order that slow connections bring them in. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { randomBytes } from 'node:crypto';
import { ControlSolveRequest, StatusRequest } from '#schema/buildkit/control-messages.ts';
import { ReturnRequest } from '#schema/buildkit/gateway-messages.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const control = '/moby.buildkit.v1.Control';
const bridge = '/moby.buildkit.v1.frontend.LLBBridge';

let daemon: TestDaemon;
before(async () => {
  daemon = await TestDaemon.start({ image: false });
});
after(async () => daemon[Symbol.asyncDispose]());

test('a probe must be known by its name when its end comes before it, and when its progress is asked for after it', async () => {
  const signal = AbortSignal.timeout(60_000);
  using first = await daemon.client.builds.openSolver();
  using second = await daemon.client.builds.openSolver();
  for (const order of ['end first', 'begin first']) {
    const ref = randomBytes(12).toString('hex');
    const calls: (() => Promise<unknown>)[] = [
      async () => await first.unary(`${bridge}/Return`, ReturnRequest.encode({}), { signal, metadata: { 'buildkit-controlapi-buildid': ref } }),
      async () => await second.unary(`${control}/Solve`, ControlSolveRequest.encode({ ref, internal: true }), { signal }),
    ];
    const answers = (order === 'end first' ? calls : calls.reverse()).map(async (call) => await call());
    await Promise.all(answers);
    const status = second.call(`${control}/Status`, { signal });
    await status.send(StatusRequest.encode({ ref }));
    status.end();
    assert.deepEqual(await Array.fromAsync(status.messages), [], order);
  }
});
