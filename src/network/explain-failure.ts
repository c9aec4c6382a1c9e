/** Failures of starts and of publishing, with what only this engine knows of them. */
import { EngineError, fail } from '#base/errors/failure.ts';
import { findSocketHolder } from '#kernel/socket-holder.ts';
import type { Attached } from './controller-parts.ts';
import type { Protocol } from './port-specification.ts';

/** Adds who holds a port, and what was being done to a failed system call. */
export async function explainFailure(error: unknown, containerName: string, attached: ReadonlyMap<string, Attached>): Promise<unknown> {
  if (!(error instanceof EngineError)) return error;
  const { details } = error;
  if (error.code === 'network.mac_unsupported') return fail(error.code, { ...details, endpoint: containerName }, error.cause);
  if (error.code === 'kernel.syscall_failed' || error.code === 'network.sub_interface_failed') return fail('network.setup_failed', { reason: error.message }, error);
  const holderId = details['holderId'];
  if (typeof holderId === 'string') {
    const name = attached.get(holderId)?.containerName;
    return fail(error.code, { ...details, holder: name === undefined ? `container ${holderId.slice(0, 12)}` : `container ${name}` }, error.cause);
  }
  if (details['errno'] !== 'EADDRINUSE') return error;
  const holder = await findSocketHolder(details['protocol'] as Protocol, Number(details['port']));
  if (holder === undefined) return error;
  return fail(error.code, { ...details, holder: `process ${holder.pid} (${holder.executable})` }, error.cause);
}
