/** `system dial-stdio`: leads standard input and output to the daemon, for those who come by SSH. */
import { finished } from 'node:stream/promises';
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';

export const command = defineCommand({
  usage: 'dial-stdio',
  description: 'Proxy the stdio stream to the daemon connection. Should not be invoked manually.',
  positional: noArguments,
  flags: {},
  async run({ client, stdin, stdout, signal }) {
    const connection = await client.transport.dial();
    const abort = (): void => void connection.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      // The end of the input is passed on; it is the daemon's side that ends the exchange.
      stdin.stream.pipe(connection);
      for await (const chunk of connection) await stdout.stream(chunk as Buffer);
      await finished(connection, { writable: false });
    } finally {
      signal.removeEventListener('abort', abort);
      stdin.stream.destroy();
      connection.destroy();
    }
    return 0;
  },
});
