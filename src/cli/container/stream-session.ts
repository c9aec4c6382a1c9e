/** Carries a container's or exec's streams: our input to it, its output to ours, until it ends or we detach. */
import type { HijackedStream } from '#client/hijacked-stream.ts';
import { readFrames } from '#client/stream-frames.ts';
import type { Input } from '#cli/streams/input.ts';
import type { Output } from '#cli/streams/output.ts';
import { makeTerminalRaw } from '#cli/streams/raw-terminal.ts';
import { warn } from '#cli/warn.ts';
import { defaultDetachKeys, DetachKeyFilter, parseDetachKeys } from './detach-keys.ts';

export interface StreamSessionOptions {
  readonly stream: HijackedStream;
  /** Undefined: not attached. */
  readonly stdin: Input | undefined;
  readonly stdout: Output | undefined;
  readonly stderr: Output | undefined;
  /** The other side has a terminal: one raw stream each way. */
  readonly terminal: boolean;
  /** Empty: the default. */
  readonly detachKeys: string;
}

/** The user typed the detach sequence. */
export class DetachedByKeys extends Error {
  override readonly name = 'DetachedByKeys';

  constructor() {
    super('read escape sequence');
  }
}

/** Resolves when the other side has said all. @throws DetachedByKeys */
export async function runStreamSession(options: StreamSessionOptions): Promise<void> {
  const { stream, stdin, stdout, stderr, terminal } = options;
  using _raw = stdin !== undefined && terminal ? await makeTerminalRaw(stdin) : undefined;
  const input = sendInput(options);
  if (stdout === undefined && stderr === undefined) {
    await input;
    return;
  }
  const output = terminal && stdout !== undefined ? copyRaw(stream, stdout) : copyFrames(stream, stdout, stderr);
  // The end of the input is no end of the session; only detaching is.
  await Promise.race([output, input.then(() => output)]);
}

async function copyRaw(stream: HijackedStream, stdout: Output): Promise<void> {
  for await (const chunk of stream) await stdout.stream(chunk);
}

async function copyFrames(stream: HijackedStream, stdout: Output | undefined, stderr: Output | undefined): Promise<void> {
  for await (const frame of readFrames(stream)) await (frame.stream === 2 ? stderr : stdout)?.stream(frame.data);
}

/** @throws DetachedByKeys */
async function sendInput({ stream, stdin, terminal, detachKeys }: StreamSessionOptions): Promise<void> {
  if (stdin !== undefined) {
    const filter = terminal ? new DetachKeyFilter(keysOf(detachKeys)) : undefined;
    for await (const chunk of stdin.stream as AsyncIterable<Buffer>) {
      if (filter === undefined) {
        await stream.write(chunk);
        continue;
      }
      const { pass, detached } = filter.take(chunk);
      if (pass.length > 0) await stream.write(pass);
      if (detached) throw new DetachedByKeys();
    }
  }
  stream.closeWrite();
}

function keysOf(text: string): readonly number[] {
  if (text === '') return defaultDetachKeys;
  try {
    return parseDetachKeys(text);
  } catch (error) {
    warn(`invalid detach escape keys, using default: ${error instanceof Error ? error.message : String(error)}`);
    return defaultDetachKeys;
  }
}
