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
import { isPassing, type RetryRule } from './patience.ts';
import { PullSource } from './pull-source.ts';
import { pullManifest } from './pull-manifest.ts';
import { translatePullError } from './translate-pull-error.ts';

export interface PullOptions {
  readonly platform: string;
  readonly authorization: string;
  readonly registry: RegistryConfiguration;
  readonly retry: RetryRule;
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
  await overEndpoints(attempt, async (endpoint, later) => await pullFrom(attempt, endpoint, later));
  const resolved = parts.catalog.lookup(withDefaultTag(reference));
  if (platform !== undefined && resolved !== undefined) warnOfPlatform(attempt, resolved, platform);
  reportEvent(parts, { action: 'pull', id: familiarText(reference), imageId: resolved ?? '', name: familiarName(reference) });
}

/** Where both are given, the digest decides. */
function digestOnly(reference: ImageReference): ImageReference {
  return reference.digest === undefined ? reference : withDigest(repositoryOf(reference), reference.digest);
}

async function overEndpoints(attempt: Attempt, pull: (endpoint: RegistryEndpoint, later: readonly RegistryEndpoint[]) => Promise<void>): Promise<void> {
  const spokenTo = new Set<string>();
  let last: unknown;
  const endpoints = await registryEndpoints(attempt.reference.domain, attempt.registry);
  for (const [index, endpoint] of endpoints.entries()) {
    // A registry that speaks TLS is not asked in the clear.
    if (endpoint.base.protocol === 'http:' && spokenTo.has(endpoint.base.host)) continue;
    try {
      return await pull(endpoint, endpoints.slice(index + 1).filter(({ base }) => base.host !== endpoint.base.host));
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

async function pullFrom(attempt: Attempt, endpoint: RegistryEndpoint, later: readonly RegistryEndpoint[]): Promise<void> {
  const { parts, reference, signal, report } = attempt;
  const open = async (where: RegistryEndpoint, until: AbortSignal): Promise<Repository> =>
    await Repository.open({ endpoint: where, path: reference.path, credentials: readCredentials(attempt.authorization), userAgent: `docker/${parts.engineVersion}` }, until);
  using repository = await open(endpoint, signal);
  using source = new PullSource({ first: repository, others: later.map((other) => async (until) => await open(other, AbortSignal.any([signal, until]))) });
  let changed = false;
  if (isNameOnly(reference)) {
    for (const tag of await repository.tags(signal)) changed = (await pullOne(attempt, source, withTag(reference, tag))) || changed;
  } else changed = await pullOne(attempt, source, reference);
  report({ status: `Status: ${changed ? 'Downloaded newer image' : 'Image is up to date'} for ${familiarText(reference)}` });
}

/** Whether the name stands for another image than before. */
async function pullOne(attempt: Attempt, source: PullSource, reference: ImageReference): Promise<boolean> {
  const { parts, platform, report, signal, retry } = attempt;
  const { catalog, manifests } = parts;
  using blobs = parts.blobs.lease();
  await using lease = parts.keeper.lease();
  try {
    const pulled = await pullManifest({ parts, source, lease, blobs, reference, platform, report, signal, retry });
    if (pulled.configuration !== undefined) await parts.settlement.files();
    signal.throwIfAborted();
    const before = catalog.lookup(reference);
    const byDigest = withDigest(repositoryOf(reference), pulled.digest);
    const names = reference.digest === undefined ? [byDigest, reference] : [reference];
    const record = (): void => manifests.record(pulled.documents);
    if (pulled.configuration === undefined) catalog.addNames(pulled.imageId, names, pulled.digest, record);
    else await catalog.add([{ configuration: pulled.configuration, names, target: pulled.digest }], record);
    parts.blobs.collectUnused();
    await parts.settlement.rows();
    report({ status: `Digest: ${pulled.digest}` });
    return before !== pulled.imageId;
  } catch (error) {
    // What was brought so far need not be brought again, unless it is no good.
    if (signal.aborted || isPassing(error)) blobs.leave();
    else parts.content.dropPartials({ unusedFor: 0, among: blobs.digests });
    throw error;
  }
}

/** An image of one platform only is taken as it is. */
function warnOfPlatform({ parts, reference, report }: Attempt, id: string, wanted: Platform): void {
  const offered = platformOf(parts.catalog.get(id).configuration);
  if (runsOn(wanted, offered)) return;
  const name = familiarText(reference);
  report({ status: `WARNING: image with reference ${name} was found but its platform (${formatPlatform(offered)}) does not match the specified platform (${formatPlatform(wanted)})` });
}
