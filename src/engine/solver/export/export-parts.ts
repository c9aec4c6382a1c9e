/** What every output of a build works with. */
import { fail } from '#base/errors/failure.ts';
import type { ImageStore } from '#image/contract.ts';
import type { BuildExecutor } from '../build-executor.ts';
import { buildNode } from '../build-node.ts';
import type { BuildProgress } from '../build-progress.ts';
import type { BuildSession } from '../build-session.ts';
import type { BuildFacts } from './attestation.ts';

export interface ExportParts {
  readonly images: ImageStore;
  readonly executor: BuildExecutor;
  readonly progress: BuildProgress;
  readonly session: BuildSession | undefined;
  readonly directory: string;
  readonly signal: AbortSignal;
  /** What the build was so far. */
  readonly facts: () => BuildFacts;
}

/** Makes an output known as a step. Answers its digest. */
export function beginStep(name: string, { progress }: Pick<ExportParts, 'progress'>): string {
  const { digest } = buildNode({ kind: 'scratch', name, inputs: [] });
  progress.declare([{ digest, name, inputs: [] }]);
  progress.start(digest);
  return digest;
}

/** Sends an archive to the client as its output of this number. Answers its bytes. */
export async function sendArchive(archive: AsyncIterable<Uint8Array>, index: number, { session, signal }: ExportParts): Promise<number> {
  const stream = sessionOf(session).sendArchive(index, {}, signal);
  let bytes = 0;
  for await (const chunk of archive) {
    await stream.send(chunk);
    bytes += chunk.length;
  }
  stream.end();
  // The client closes its side once all is written.
  for await (const _chunk of stream.chunks);
  return bytes;
}

/** @throws build.session_failed */
export function sessionOf(session: BuildSession | undefined): BuildSession {
  if (session === undefined) throw fail('build.session_failed', { message: 'the result goes to the client, and there is no session with it' });
  return session;
}
