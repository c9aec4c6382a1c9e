/** `--debug`: a shell in the state of the step that failed, on the user's terminal, or a command there. */
import { makeTerminalRaw } from '#cli/streams/raw-terminal.ts';
import type { Input } from '#cli/streams/input.ts';
import type { Output } from '#cli/streams/output.ts';
import type { GrpcCall } from '#base/grpc/grpc-call.ts';
import { ShellInput, ShellOutput } from '#schema/buildkit/shell-messages.ts';

export interface DebugShellOptions {
  /** Empty: a shell with our input. */
  readonly command: string;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Shows what the build has told so far, and no more until the shell has ended. */
  readonly pause: () => Disposable;
}

/** What the flag means without a command. */
export const interactiveShell = 'shell';

/** Serves the daemon's offer of a shell. Steps that fail while one is open have none. */
export function debugShell(options: DebugShellOptions): (call: GrpcCall) => Promise<void> {
  let open = false;
  return async (call) => {
    if (open) return;
    open = true;
    try {
      await serve(call, options);
    } finally {
      open = false;
    }
  };
}

async function serve({ messages, send, signal }: GrpcCall, { command, stdin, stdout, stderr, pause }: DebugShellOptions): Promise<void> {
  const outputs = messages[Symbol.asyncIterator]();
  const offer = await outputs.next();
  if (offer.done === true) return;
  using _paused = pause();
  const { step, failure } = ShellOutput.decode(offer.value);
  const terminal = command === '' && stdin.isTerminal && stdout.isTerminal;
  stderr.write(`\n${step}: ${failure}\n${command === '' ? 'A shell in the state of this step; its end is that of the build.' : `In the state of this step: ${command}`}\n`);
  const say = async (input: Partial<ShellInput>): Promise<void> => await send(ShellInput.encode(input));
  await say({ start: { command: command === '' ? [] : ['/bin/sh', '-c', command], terminal, size: terminal ? stdout.size : undefined } });
  using _raw = terminal ? await makeTerminalRaw(stdin) : undefined;
  const onResize = (): void => void say({ size: stdout.size }).catch(() => undefined);
  if (terminal) process.on('SIGWINCH', onResize);
  const ended = new AbortController();
  const typing = command === '' ? typeInto(stdin, say, AbortSignal.any([signal, ended.signal])) : say({ ended: true });
  // The daemon's side tells how the shell ended.
  typing.catch(() => undefined);
  try {
    for (let next = await outputs.next(); next.done !== true; next = await outputs.next()) {
      const { stream, data, exited, exitCode } = ShellOutput.decode(next.value);
      if (data.length > 0) await (stream === 2 ? stderr : stdout).stream(data);
      if (!exited) continue;
      if (exitCode !== 0 && command !== '') stderr.write(`${command}: exit code: ${exitCode}\n`);
      return;
    }
  } finally {
    process.off('SIGWINCH', onResize);
    ended.abort();
  }
}

async function typeInto(stdin: Input, say: (input: Partial<ShellInput>) => Promise<void>, signal: AbortSignal): Promise<void> {
  const { stream } = stdin;
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const data of stream as AsyncIterable<Buffer>) await say({ data });
    if (!signal.aborted) await say({ ended: true });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
