/** What the parts of one push work with. */
import type { ImageReference } from '#oci/reference.ts';
import type { Repository } from '#registry/repository.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { EngineError, fail } from '#base/errors/failure.ts';
import type { ImageParts } from '../image-parts.ts';
import type { LayerLease } from '../layer-keeper.ts';
import type { BlobLease } from '../manifests/content-keeper.ts';
import type { Report } from '../progress/progress-stream.ts';
import type { Slots } from '../slots.ts';
import { isBusy, isPassing, waitForNext, type RetryRule } from '../pull/patience.ts';

export interface PushSession {
  readonly parts: ImageParts;
  readonly repository: Repository;
  /** Without a tag. */
  readonly name: ImageReference;
  readonly lease: LayerLease;
  readonly blobs: BlobLease;
  readonly slots: Slots;
  readonly retry: RetryRule;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** Digests that are known to be in the repository, by the pushes of one operation. */
export type KnownRemote = Set<string>;

export function reportState({ report }: Pick<PushSession, 'report'>, digest: string, status: string): void {
  report({ status, progressDetail: {}, id: shortIdentifier(digest) });
}

/** Does what may fail in passing, several times with pauses; `onSecond` gets the seconds left of each. */
export async function patiently<T>(push: PushSession, work: (attempt: number) => Promise<T>, onSecond?: (left: number) => void): Promise<T> {
  const { retry, signal } = push;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      signal.throwIfAborted();
      // Documents are quick to send again, but a registry that refuses one knows why.
      const mayPass = onSecond === undefined ? isBusy(error) : isPassing(error);
      if (attempt >= retry.attempts || !mayPass) throw error;
      await waitForNext({ error, attempt, signal, unit: retry.unit, onSecond: (left) => onSecond?.(left) });
    }
  }
}

/** A failure at a layer is told without the request it was met in, and of several refusals the first, as Docker does. */
export function withoutRequest(error: unknown): unknown {
  if (!(error instanceof EngineError) || !error.code.startsWith('registry.')) return error;
  const { bare, wrapped, first } = error.details;
  const message = typeof first === 'string' ? first : wrapped === true && typeof bare === 'string' ? bare : error.message.replace(/^(?:Get|Head|Post|Put|Patch|Delete) "(?:[^"\\]|\\.)*": /, '');
  return message === error.message ? error : fail(error.code, { ...error.details, message }, error);
}
