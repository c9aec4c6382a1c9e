/** Asks before something is destroyed. */
import { Terminated } from '#cli/interruption.ts';
import type { Input } from '#cli/streams/input.ts';
import type { Output } from '#cli/streams/output.ts';

/** Whether the answer is `y`. An end of the input is a no. @throws the signal's reason */
export async function confirm(question: string, { stdin, stdout, signal }: { stdin: Input; stdout: Output; signal: AbortSignal }): Promise<boolean> {
  stdout.write(`${question} [y/N] `);
  const stop = (): void => {
    stdout.write('\n');
    if (signal.reason instanceof Terminated) signal.reason.answer();
    stdin.stream.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  let answer = '';
  try {
    for await (const chunk of stdin.stream as AsyncIterable<Buffer>) {
      answer += chunk.toString();
      if (answer.includes('\n')) break;
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  return (answer.split('\n', 1)[0] ?? '').trim().toLowerCase() === 'y';
}
