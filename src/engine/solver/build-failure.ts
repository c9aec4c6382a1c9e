/** A failure of a step, told with the step and the lines of the Dockerfile that asked for it. */
import { EngineError, fail, isFailure, messageOf } from '#base/errors/failure.ts';
import type { BuildNode } from './build-node.ts';

/** `error` as the failure of a node, unless it is one of another already. */
export function failureOf(node: BuildNode, error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  if (isFailure(error, 'build.solve_failed') && error.details['vertex'] !== undefined) return error;
  const range = error.details['range'] ?? node.range;
  const unknownAccount = node.kind === 'run' && /^unable to find (?:user|group) /.test(messageOf(error));
  const message = unknownAccount ? `process ${JSON.stringify(node.command.join(' '))} did not complete successfully: ${messageOf(error)}` : messageOf(error);
  return fail('build.solve_failed', { ...error.details, message, vertex: node.digest, ...(range === undefined ? {} : { range }) }, error);
}
