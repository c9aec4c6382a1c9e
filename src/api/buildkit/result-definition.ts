/**
 * Results as definitions (moby/buildkit v0.25, solver/pb): what a client hands to another build as its input. Clients
 * only carry them; their one source names layers of this store.
 */
import { createHash } from 'node:crypto';
import { fail } from '#base/errors/failure.ts';
import type { MessageOf } from '#base/protobuf/message-type.ts';
import { BuildOperation, type Definition } from '#schema/buildkit/common-messages.ts';

const scheme = 'dhow-layers://';

/** @param top chain id; undefined: no layers */
export function definitionOf(top: string | undefined): MessageOf<typeof Definition> {
  const source = BuildOperation.encode({ inputs: [], source: { identifier: `${scheme}${top ?? ''}` } });
  const digest = `sha256:${createHash('sha256').update(source).digest('hex')}`;
  return { def: [source, BuildOperation.encode({ inputs: [{ digest, index: 0 }], source: undefined })], metadata: { [digest]: { ignoreCache: false } } };
}

/** The layers that a definition of {@link definitionOf} names. @throws build.solve_failed for others */
export function layersOf({ def }: MessageOf<typeof Definition>): string | undefined {
  for (const bytes of def) {
    const identifier = BuildOperation.decode(bytes).source?.identifier ?? '';
    if (identifier.startsWith(scheme)) return identifier === scheme ? undefined : identifier.slice(scheme.length);
  }
  throw fail('build.solve_failed', { message: 'inputs of a build can only be results of other builds here: low-level definitions are not supported' });
}
