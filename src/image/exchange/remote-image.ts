/** Documents and blobs to and from a repository of a registry, as builds exchange them. */
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import { largestDocument, type Descriptor } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { defaultTag, type ImageReference } from '#oci/reference.ts';
import { beginUpload } from '#registry/blob-upload.ts';
import { readCredentials } from '#registry/credentials.ts';
import { registryEndpoints, type RegistryConfiguration } from '#registry/endpoints.ts';
import { Repository } from '#registry/repository.ts';
import type { RemoteImage } from '../contract.ts';
import type { ImageParts } from '../image-parts.ts';
import { sendKeptBlob } from '../push/push-blob.ts';

interface RemoteOptions {
  readonly authorization: string;
  readonly registry: RegistryConfiguration;
  readonly signal: AbortSignal;
}

/** Blobs that are sent at once. */
const mostAtOnce = 4;
const documentTypes: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.ociManifest, mediaTypes.dockerManifestList, mediaTypes.dockerManifest]);

/** Sends a document with all that it names, the root last, by its tag or its digest. @throws registry.refused, registry.unreachable … */
export async function sendAll(parts: ImageParts, { reference, root, byDigest, ...options }: RemoteOptions & { reference: ImageReference; root: Descriptor; byDigest: boolean }): Promise<void> {
  const { signal } = options;
  const documents: { descriptor: Descriptor; bytes: Buffer }[] = [];
  const blobs = new Map<string, Descriptor>();
  const collect = async (descriptor: Descriptor): Promise<void> => {
    const bytes = await parts.content.readWhole(descriptor.digest, largestDocument);
    const { manifests = [], config, layers = [] } = JSON.parse(bytes.toString('utf8')) as { manifests?: Descriptor[]; config?: Descriptor; layers?: Descriptor[] };
    // An index may name blobs themselves, as those of caches do.
    for (const part of manifests) {
      if (documentTypes.has(part.mediaType)) await collect(part);
      else blobs.set(part.digest, part);
    }
    for (const blob of [...(config === undefined ? [] : [config]), ...layers]) blobs.set(blob.digest, blob);
    documents.push({ descriptor, bytes });
  };
  await collect(root);
  await inRepository(reference, { ...options, userAgent: `docker/${parts.engineVersion}`, actions: ['push', 'pull'] }, async (repository) => {
    const waiting = [...blobs.values()];
    const work = async (): Promise<void> => {
      for (let blob = waiting.pop(); blob !== undefined; blob = waiting.pop()) await sendBlob(parts, repository, blob, signal);
    };
    await Promise.all(Array.from({ length: mostAtOnce }, work));
    for (const { descriptor, bytes } of documents) {
      const name = descriptor.digest !== root.digest || byDigest ? descriptor.digest : (reference.tag ?? reference.digest ?? defaultTag);
      await repository.putManifest(name, { bytes, mediaType: descriptor.mediaType }, signal);
    }
  });
}

async function sendBlob(parts: ImageParts, repository: Repository, blob: Descriptor, signal: AbortSignal): Promise<void> {
  if ((await repository.blobSize(blob.digest, signal)) !== undefined) return;
  const upload = await beginUpload(repository, { signal });
  if (upload !== undefined) await sendKeptBlob({ parts, signal }, blob, { upload, isResumed: false, onProgress: () => undefined });
}

/** What a name of a registry stands for. Dispose it. @throws registry.refused, registry.unreachable … */
export async function openRemote(reference: ImageReference, options: RemoteOptions & { userAgent: string }): Promise<RemoteImage> {
  return await inRepository(reference, options, async (repository, keep) => {
    const { signal } = options;
    const root = await repository.manifest(reference.digest ?? reference.tag ?? defaultTag, signal, { verb: 'Get' });
    keep();
    return {
      root: root.bytes,
      document: async (digest) => (await repository.manifest(digest, signal)).bytes,
      blob: async (digest) => (await repository.blob(digest, { signal })).body,
      [Symbol.dispose]: () => repository[Symbol.dispose](),
    };
  });
}

async function inRepository<T>(reference: ImageReference, { authorization, registry, signal, userAgent, actions }: RemoteOptions & { userAgent: string; actions?: ('push' | 'pull')[] }, work: (repository: Repository, keep: () => void) => Promise<T>): Promise<T> {
  const credentials = readCredentials(authorization);
  let last: unknown;
  for (const endpoint of await registryEndpoints(reference.domain, registry, { mirrors: false })) {
    let repository: Repository | undefined;
    let kept = false;
    try {
      repository = await Repository.open({ endpoint, path: reference.path, credentials, userAgent, ...(actions === undefined ? {} : { actions }) }, signal);
      return await work(repository, () => (kept = true));
    } catch (error) {
      kept = false;
      signal.throwIfAborted();
      if (!(error instanceof EngineError) || isFailure(error, 'registry.refused') || isFailure(error, 'registry.unauthorized')) throw error;
      last = error;
    } finally {
      if (!kept) repository?.[Symbol.dispose]();
    }
  }
  throw last ?? fail('registry.unreachable', { message: `no endpoint of ${reference.domain} is known` });
}
