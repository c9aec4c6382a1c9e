/** A body whose sender may fall silent: iterating it fails when nothing comes for a minute. Time the reader takes does not count. */
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';

const longestSilence = 60_000;

/** @throws registry.unreachable */
export async function* limitSilence(body: Readable): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await next(chunks, body);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    body.destroy();
  }
}

async function next(chunks: AsyncIterator<Buffer>, body: Readable): Promise<IteratorResult<Buffer, unknown>> {
  const timer = setTimeout(() => body.destroy(fail('registry.unreachable', { message: 'net/http: timeout awaiting response body' })), longestSilence);
  try {
    return await chunks.next();
  } finally {
    clearTimeout(timer);
  }
}
