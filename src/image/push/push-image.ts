/** `docker push`: one tag of a repository, or all of them. */
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import type { Platform } from '#oci/platform.ts';
import { canonicalName, familiarName, familiarText, isNameOnly, parseReference, repositoryOf, withDigest, type ImageReference } from '#oci/reference.ts';
import { readCredentials } from '#registry/credentials.ts';
import { registryEndpoints, type RegistryConfiguration, type RegistryEndpoint } from '#registry/endpoints.ts';
import { Repository } from '#registry/repository.ts';
import { reportEvent, type ImageParts } from '../image-parts.ts';
import { resolveForPlatform } from '../manifests/find-platform.ts';
import type { Report } from '../progress/progress-stream.ts';
import type { Slots } from '../slots.ts';
import type { RetryRule } from '../pull/patience.ts';
import { isPushable, pushBuilt, pushIndex, pushOriginal, type PushedDocument } from './push-manifest.ts';
import type { KnownRemote, PushSession } from './push-session.ts';

export interface PushOptions {
  /** Of an index, the manifest for this platform alone. */
  readonly platform: Platform | undefined;
  readonly authorization: string;
  readonly registry: RegistryConfiguration;
  readonly retry: RetryRule;
  readonly slots: Slots;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** A name without a tag pushes every tag. @throws image.push_failed, image.platform_mismatch, image.not_found, registry.refused, registry.unreachable … */
export async function pushImage(parts: ImageParts, text: string, options: PushOptions): Promise<void> {
  const { report, signal, platform } = options;
  const reference = parseReference(text);
  const name = repositoryOf(reference);
  if (platform !== undefined) resolveForPlatform(parts, familiarText(reference), platform);
  const endpoints = await registryEndpoints(reference.domain, options.registry, { mirrors: false });
  report({ status: `The push refers to repository [${canonicalName(name)}]` });
  if (parts.catalog.repositoryNames(name).length === 0) throw fail('image.push_failed', { message: `An image does not exist locally with the tag: ${familiarName(name)}` });
  const spokenTo = new Set<string>();
  let last: unknown;
  for (const endpoint of endpoints) {
    // A registry that speaks TLS is not asked in the clear.
    if (endpoint.base.protocol === 'http:' && spokenTo.has(endpoint.base.host)) continue;
    try {
      await pushTo(parts, endpoint, reference, options, () => spokenTo.add(endpoint.base.host));
      const id = parts.catalog.lookup(reference) ?? '';
      reportEvent(parts, { action: 'push', id: familiarText(reference), imageId: id, name: familiarName(reference) });
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError) || isFailure(error, 'registry.refused') || isFailure(error, 'registry.unauthorized')) throw error;
      last = error;
    }
  }
  throw last;
}

async function pushTo(parts: ImageParts, endpoint: RegistryEndpoint, reference: ImageReference, options: PushOptions, onContact: () => void): Promise<void> {
  const { authorization, signal } = options;
  const credentials = readCredentials(authorization);
  using repository = await Repository.open(
    { endpoint, path: reference.path, credentials, userAgent: `docker/${parts.engineVersion}`, actions: ['push', 'pull'] },
    signal,
  );
  onContact();
  const known: KnownRemote = new Set();
  for (const { name, id } of tagsToPush(parts, reference)) await pushTag(parts, repository, { name, id, known }, options);
}

/** @throws image.push_failed with Docker's texts */
function tagsToPush(parts: ImageParts, reference: ImageReference): { name: ImageReference; id: string }[] {
  if (isNameOnly(reference)) {
    const tags = parts.catalog.repositoryNames(reference).filter(({ name }) => name.digest === undefined);
    if (tags.length === 0) throw fail('image.push_failed', { message: `no tags to push for ${familiarName(reference)}` });
    return tags;
  }
  if (reference.digest !== undefined) throw fail('image.push_failed', { message: 'cannot push a digest reference' });
  const id = parts.catalog.lookup(reference);
  if (id === undefined) throw fail('image.push_failed', { message: `tag does not exist: ${familiarText(reference)}` });
  return [{ name: reference, id }];
}

async function pushTag(parts: ImageParts, repository: Repository, tagged: { name: ImageReference; id: string; known: KnownRemote }, options: PushOptions): Promise<void> {
  const { name, known } = tagged;
  const { report, signal, slots, retry, platform } = options;
  const id = platform === undefined ? tagged.id : resolveForPlatform(parts, familiarText(name), platform);
  using blobs = parts.blobs.lease();
  await using lease = parts.keeper.lease();
  for (const chainId of parts.catalog.get(id).chain) if (!(await lease.hold(chainId))) throw fail('image.push_failed', { message: 'failed to get top layer from image: layer does not exist' });
  const push: PushSession = { parts, repository, name: repositoryOf(name), lease, blobs, slots, retry, report, signal };
  const tag = name.tag ?? '';
  const pushed = await pushDocuments(push, { name, id, isWhole: platform === undefined }, { reference: tag, known });
  report({ status: `${tag}: digest: ${pushed.digest} size: ${pushed.size}` });
  const record = (): void => parts.manifests.record(pushed);
  // A platform of its own is no reason to forget the index.
  if (platform === undefined) parts.catalog.addNames(id, [withDigest(repositoryOf(name), pushed.digest), name], pushed.digest, record);
  else parts.catalog.addNames(id, [withDigest(repositoryOf(name), pushed.digest)], undefined, record);
  report({ progressDetail: {}, aux: { Tag: tag, Digest: pushed.digest, Size: pushed.size } });
}

/** What the name stood for where it came from, if all of that is here; else the image's manifest as it came; else a new one. */
async function pushDocuments(push: PushSession, image: { name: ImageReference; id: string; isWhole: boolean }, options: { reference: string; known: KnownRemote }): Promise<PushedDocument> {
  const { manifests } = push.parts;
  const target = manifests.targetOf(image.name);
  if (image.isWhole && target?.kind === 'index' && manifests.missing(target.digest).length === 0) return await pushIndex(push, target, options);
  const originals = manifests.ofImage(image.id);
  const best = originals.find(({ digest }) => digest === target?.digest);
  for (const manifest of best === undefined ? originals : [best]) if (await isPushable(push, manifest)) return await pushOriginal(push, manifest, options);
  return await pushBuilt(push, image.id, options);
}
