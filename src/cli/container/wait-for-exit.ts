/** A container's exit as `run` and `start` wait for it. */
import type { Client } from '#client/client.ts';
import { errorText } from '#cli/error-text.ts';
import { logError } from '#cli/warn.ts';

/** Resolves once the daemon watches, with a promise of the exit code; 125 when the daemon cannot tell it. */
export async function waitForExit(client: Client, container: string, options: { removed: boolean }): Promise<{ code: Promise<number> }> {
  let result: Awaited<ReturnType<Client['containers']['wait']>>['result'];
  try {
    ({ result } = await client.containers.wait(container, { condition: options.removed ? 'removed' : 'next-exit' }));
  } catch (error) {
    result = Promise.reject(error);
    result.catch(() => {});
  }
  return { code: codeOf(result) };
}

async function codeOf(result: Promise<{ StatusCode: number; Error?: { Message: string } | null }>): Promise<number> {
  try {
    const { StatusCode, Error: failure } = await result;
    if (failure === undefined || failure === null) return StatusCode;
    logError(`Error waiting for container: ${failure.Message}`);
  } catch (error) {
    logError(`error waiting for container: ${errorText(error)}`);
  }
  return 125;
}
