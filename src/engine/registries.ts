/** What the engine asks registries besides images: whether credentials are good, what there is, and what a name stands for. */
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import { largestConfiguration } from '#oci/image-configuration.ts';
import { parseManifest, type ImageIndex, type ImageManifest } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import type { Platform } from '#oci/platform.ts';
import { canonicalText, familiarName, parseAnyReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import { readCredentials, type Credentials } from '#registry/credentials.ts';
import { registryEndpoints, type RegistryConfiguration } from '#registry/endpoints.ts';
import { logIn } from '#registry/log-in.ts';
import { readAnswer } from '#registry/read-answer.ts';
import { ofItsKind } from '#registry/registry-error.ts';
import { Repository } from '#registry/repository.ts';
import { searchRepositories } from '#registry/search-repositories.ts';
import type { DistributionView, PlatformView, SearchResult } from '#schema/registry-views.ts';
import type { Filters, RegistryUseCases } from './contract.ts';
import { product } from './product.ts';

const userAgent = `docker/${product.engineVersion}`;
const searchFilters: ReadonlySet<string> = new Set(['is-automated', 'is-official', 'stars']);

export function registryUseCases(configuration: RegistryConfiguration): RegistryUseCases {
  return {
    logIn: async ({ serveraddress, username, password, identitytoken }, signal) => {
      // A token for the registry itself is nothing to log in with.
      const credentials: Credentials = { username, password, identityToken: identitytoken, registryToken: '' };
      return { IdentityToken: await logIn({ serverAddress: serveraddress, credentials, configuration, userAgent, signal }), Status: 'Login Succeeded' };
    },
    search: async (term, { limit, filters, authorization, signal }) => {
      const isWanted = searchFilter(filters);
      if (isWanted === undefined) return [];
      return (await searchRepositories({ term, limit, credentials: readCredentials(authorization), configuration, userAgent, signal })).filter(isWanted);
    },
    describe: async (name, { authorization, signal }) => {
      const any = parseAnyReference(name);
      if (any.kind === 'digest') throw fail('registry.unexpected_answer', { message: 'no manifest found for full image ID' });
      const reference = withDefaultTag(any.name);
      if (familiarName(reference) === 'scratch') throw fail('registry.invalid_parameter', { message: "'scratch' is a reserved name" });
      let last: unknown;
      for (const endpoint of await registryEndpoints(reference.domain, configuration)) {
        try {
          using repository = await Repository.open({ endpoint, path: reference.path, credentials: readCredentials(authorization), userAgent }, signal);
          return await describe(repository, reference, signal);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof EngineError)) throw error;
          // An endpoint that could not be reached says less than one that refused.
          if (last === undefined || isFailure(last, 'registry.unreachable') || !isFailure(error, 'registry.unreachable')) last = error;
        }
      }
      throw ofItsKind(last);
    },
  };
}

async function describe(repository: Repository, reference: ImageReference, signal: AbortSignal): Promise<DistributionView> {
  const fetched = await repository.manifest(reference.digest ?? reference.tag ?? '', signal);
  const manifest = parseFor(reference, fetched);
  const platforms = manifest.kind === 'index' ? manifest.manifests.map(({ platform }) => platform ?? { os: '', architecture: '' }) : await configuredPlatform(repository, manifest, signal);
  return {
    Descriptor: { mediaType: manifest.mediaType, digest: fetched.digest, size: Buffer.byteLength(fetched.text) },
    Platforms: platforms.length === 0 ? null : platforms.map(platformView),
  };
}

function parseFor(reference: ImageReference, { text, contentType }: { text: string; contentType: string | undefined }): ImageManifest | ImageIndex {
  try {
    return parseManifest(text, contentType);
  } catch (error) {
    if (!isFailure(error, 'image.schema1_manifest')) throw error;
    throw fail('image.schema1_manifest', { reference: canonicalText(reference) }, error);
  }
}

/** As the configuration file says; one that cannot be had or read says nothing, and Docker reads none of OCI's. */
async function configuredPlatform(repository: Repository, manifest: ImageManifest, signal: AbortSignal): Promise<Platform[]> {
  if (manifest.mediaType !== mediaTypes.dockerManifest) return [];
  try {
    const { body } = await repository.blob(manifest.config.digest, { signal });
    const document: unknown = JSON.parse((await readAnswer(body, 'image configuration', largestConfiguration)).toString('utf8'));
    const { os, architecture, variant, 'os.version': osVersion } = (document ?? {}) as Record<string, unknown>;
    const text = (value: unknown): string => (typeof value === 'string' ? value : '');
    if (text(os) === '' && text(architecture) === '') return [];
    return [{ os: text(os), architecture: text(architecture), ...(text(variant) === '' ? {} : { variant: text(variant) }), ...(text(osVersion) === '' ? {} : { osVersion: text(osVersion) }) }];
  } catch (error) {
    if (error instanceof EngineError || error instanceof SyntaxError) return [];
    throw error;
  }
}

function platformView({ os, architecture, osVersion, osFeatures, variant }: Platform): PlatformView {
  return {
    architecture,
    os,
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(osFeatures === undefined ? {} : { 'os.features': osFeatures }),
    ...(variant === undefined ? {} : { variant }),
  };
}

/** Undefined when nothing can fit. @throws image.invalid_filter, registry.invalid_parameter */
function searchFilter(filters: Filters): ((result: SearchResult) => boolean) | undefined {
  for (const name of Object.keys(filters)) if (!searchFilters.has(name)) throw fail('image.invalid_filter', { name });
  const automated = readBoolean(filters, 'is-automated');
  const official = readBoolean(filters, 'is-official');
  const stars = filters['stars'] ?? [];
  for (const text of stars) {
    if (!/^[+-]?\d+$/.test(text)) throw fail('registry.invalid_parameter', { message: `invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax` });
  }
  if (automated === true) return undefined;
  const fewest = Math.max(0, ...stars.map(Number));
  return (result) => (official === undefined || result.is_official === official) && (stars.length === 0 || result.star_count >= fewest);
}

/** @throws image.invalid_filter with Docker's text for anything but one truth value */
function readBoolean(filters: Filters, name: string): boolean | undefined {
  const values = filters[name];
  if (values === undefined || values.length === 0) return undefined;
  const truths = values.map((value) => (['1', 'true'].includes(value) ? true : ['0', 'false'].includes(value) ? false : undefined));
  const [first] = truths;
  if (first === undefined || truths.some((truth) => truth !== first)) throw fail('image.invalid_filter', { name, values });
  return first;
}
