/** Makes the error of a start that failed from what shim and runtime said. */
import { fail, type EngineError } from '#base/errors/failure.ts';
import type { ShimMessage } from './shim-frames.ts';

/** `runtime.start_failed`: `details.message` is the runtime's own message, `details.exitCode` its exit code. */
export function startFailure(containerId: string, failed: Extract<ShimMessage, { type: 'failed' }>): EngineError {
  const exitCode = (failed.status & 0x7f) === 0 ? failed.status >> 8 : 128 + (failed.status & 0x7f);
  const message = runtimeMessage(failed.log) ?? nonEmpty(failed.output) ?? `the runtime ended with exit code ${exitCode} and said nothing`;
  return fail('runtime.start_failed', { message, exitCode, containerId });
}

/** The messages of errors among a runtime's JSON log lines; text that is no JSON is the shim's own, or a crash's. */
function runtimeMessage(log: string): string | undefined {
  const messages: string[] = [];
  for (const line of log.split('\n')) {
    if (line.trim() === '') continue;
    const entry = parseEntry(line);
    if (entry === undefined) messages.push(line.trim());
    else if (!/^(warn|info|debug)/.test(entry.level)) messages.push(entry.message);
  }
  return nonEmpty(messages.join('\n'));
}

function parseEntry(line: string): { readonly level: string; readonly message: string } | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof entry !== 'object' || entry === null || !('msg' in entry)) return undefined;
  return { level: 'level' in entry ? String(entry.level) : '', message: String(entry.msg).trim() };
}

function nonEmpty(text: string): string | undefined {
  const trimmed = text.trim();
  return trimmed === '' ? undefined : trimmed;
}
