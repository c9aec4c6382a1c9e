/** Asks the user before something is lost. */
import { createInterface } from 'node:readline';
import type { Input } from '#cli/streams/input.ts';
import type { Output } from '#cli/streams/output.ts';

/** Whether the answer is `y`; the end of the input is a no. */
export async function confirm(message: string, { stdin, stdout, signal }: { stdin: Input; stdout: Output; signal: AbortSignal }): Promise<boolean> {
  stdout.write(`${message} [y/N] `);
  const lines = createInterface({ input: stdin.stream, signal });
  try {
    for await (const line of lines) return line.trim().toLowerCase() === 'y';
  } finally {
    lines.close();
    stdin.stream.destroy();
  }
  if (signal.aborted) stdout.writeLine();
  return false;
}
