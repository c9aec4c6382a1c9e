/** Progress streams: one JSON document per line, lines ended by `\r\n` as Docker's. */
import { messageOf } from '#base/errors/failure.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import { encodeJson } from '../body/encode-json.ts';
import type { Exchange } from '../exchange.ts';

function line(message: ProgressMessage): string {
  return `${encodeJson(message, 'html').slice(0, -1)}\r\n`;
}

/**
 * Sends the messages as they come. An error before the first of them is thrown on, for an ordinary error
 * reply, unless `errorsInStream`; one after it is told in the stream.
 */
export async function sendProgress(
  { reply, signal }: Exchange,
  messages: AsyncIterable<ProgressMessage>,
  { errorsInStream }: { readonly errorsInStream: boolean },
): Promise<void> {
  try {
    for await (const message of messages) {
      if (!reply.started) reply.begin(200, 'application/json');
      await reply.write(line(message), signal);
    }
  } catch (error) {
    if (signal.aborted || (!reply.started && !errorsInStream)) throw error;
    if (!reply.started) reply.begin(200, 'application/json');
    await reply.write(line({ errorDetail: { message: messageOf(error) }, error: messageOf(error) }), signal);
  }
  if (!reply.started) return reply.body(200, 'application/json', '');
  reply.end();
}
