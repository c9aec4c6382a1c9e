/** `docker pull`: tries the endpoints of a registry in order and names what came. */
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import { formatPlatform, parsePlatform, runsOn, type Platform } from '#oci/platform.ts';
import { platformOf } from '#oci/image-configuration.ts';
import { familiarName, familiarText, isNameOnly, parseReference, repositoryOf, withDefaultTag, withDigest, withTag, type ImageReference } from '#oci/reference.ts';
import { readCredentials } from '#registry/credentials.ts';
import { registryEndpoints, type RegistryConfiguration, type RegistryEndpoint } from '#registry/endpoints.ts';
import { Repository } from '#registry/repository.ts';
import { reportEvent, type ImageParts } from '../image-parts.ts';
import type { Report } from '../progress/progress-stream.ts';
import { pullManifest } from './pull-manifest.ts';
import { translatePullError } from './translate-pull-error.ts';

export interface PullOptions {
  readonly platform: string;
  readonly authorization: string;
  readonly registry: RegistryConfiguration;
  readonly retryUnit: number;
  readonly report: Report;
  readonly signal: AbortSignal;
}

interface Attempt extends Omit<PullOptions, 'platform'> {
  readonly parts: ImageParts;
  readonly reference: ImageReference;
  readonly platform: Platform | undefined;
}

/** A name without tag or digest pulls every tag. @throws image.invalid_reference, image.reserved_name, image.pull_not_found, image.registry_unreachable, registry.refused … */
export async function pullImage(parts: ImageParts, text: string, options: PullOptions): Promise<void> {
  const reference = digestOnly(parseReference(text.replace(/:$/, '')));
  if (familiarName(reference) === 'scratch') throw fail('image.reserved_name', { name: 'scratch' });
  const platform = options.platform === '' ? undefined : parsePlatform(options.platform);
  const attempt: Attempt = { ...options, parts, reference, platform };
  await overEndpoints(attempt, async (endpoint) => await pullFrom(attempt, endpoint));
  const resolved = parts.catalog.lookup(withDefaultTag(reference));
  if (platform !== undefined && resolved !== undefined) warnOfPlatform(attempt, resolved, platform);
  reportEvent(parts, { action: 'pull', id: familiarText(reference), imageId: resolved ?? '', name: familiarName(reference) });
}

/** Where both are given, the digest decides. */
function digestOnly(reference: ImageReference): ImageReference {
  return reference.digest === undefined ? reference : withDigest(repositoryOf(reference), reference.digest);
}

async function overEndpoints(attempt: Attempt, pull: (endpoint: RegistryEndpoint) => Promise<void>): Promise<void> {
  const spokenTo = new Set<string>();
  let last: unknown;
  for (const endpoint of await registryEndpoints(attempt.reference.domain, attempt.registry)) {
    // A registry that speaks TLS is not asked in the clear.
    if (endpoint.base.protocol === 'http:' && spokenTo.has(endpoint.base.host)) continue;
    try {
      return await pull(endpoint);
    } catch (error) {
      attempt.signal.throwIfAborted();
      if (!mayGoOn(error, endpoint)) throw translatePullError(error, attempt.reference);
      last = error;
      if (endpoint.base.protocol === 'https:' && !isFailure(error, 'registry.unreachable')) spokenTo.add(endpoint.base.host);
    }
  }
  throw translatePullError(last, attempt.reference);
}

/** Whether the next endpoint could do better. */
function mayGoOn(error: unknown, endpoint: RegistryEndpoint): boolean {
  if (!(error instanceof EngineError)) return false;
  if (isFailure(error, 'registry.refused')) return endpoint.mirror || error.details['fault'] === '';
  return isFailure(error, 'registry.unreachable') || isFailure(error, 'registry.unexpected_answer') || endpoint.mirror;
}

async function pullFrom(attempt: Attempt, endpoint: RegistryEndpoint): Promise<void> {
  const { parts, reference, signal, report } = attempt;
  using repository = await Repository.open(
    { endpoint, path: reference.path, credentials: readCredentials(attempt.authorization), userAgent: `docker/${parts.engineVersion}` },
    signal,
  );
  let changed = false;
  if (isNameOnly(reference)) {
    for (const tag of await repository.tags(signal)) changed = (await pullOne(attempt, repository, withTag(reference, tag))) || changed;
  } else changed = await pullOne(attempt, repository, reference);
  report({ status: `Status: ${changed ? 'Downloaded newer image' : 'Image is up to date'} for ${familiarText(reference)}` });
}

/** Whether the name stands for another image than before. */
async function pullOne(attempt: Attempt, repository: Repository, reference: ImageReference): Promise<boolean> {
  const { parts, platform, report, signal, retryUnit } = attempt;
  const { catalog } = parts;
  await using lease = parts.keeper.lease();
  const pulled = await pullManifest({ parts, repository, lease, reference, platform, report, signal, retryUnit });
  signal.throwIfAborted();
  const before = catalog.lookup(reference);
  const byDigest = withDigest(repositoryOf(reference), pulled.digest);
  const names = reference.digest === undefined ? [byDigest, reference] : [reference];
  if (pulled.configuration === undefined) catalog.addNames(pulled.imageId, names);
  else await catalog.add([{ configuration: pulled.configuration, names }]);
  report({ status: `Digest: ${pulled.digest}` });
  return before !== pulled.imageId;
}

/** An image of one platform only is taken as it is. */
function warnOfPlatform({ parts, reference, report }: Attempt, id: string, wanted: Platform): void {
  const offered = platformOf(parts.catalog.get(id).configuration);
  if (runsOn(wanted, offered)) return;
  const name = familiarText(reference);
  report({ status: `WARNING: image with reference ${name} was found but its platform (${formatPlatform(offered)}) does not match the specified platform (${formatPlatform(wanted)})` });
}
