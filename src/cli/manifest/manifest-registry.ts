/** The registry as `docker manifest` speaks to it: directly, without a daemon. */
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import { certificatesDirectories } from '#cli/credentials/certificates-directories.ts';
import { credentialKey, CredentialStore } from '#cli/credentials/credential-store.ts';
import type { ClientConfiguration } from '#cli/configuration/client-configuration.ts';
import { dockerVersion } from '#cli/version.ts';
import { parseManifest, type ImageIndex } from '#oci/manifest.ts';
import type { Platform } from '#oci/platform.ts';
import { repositoryOf, withDigest, type ImageReference } from '#oci/reference.ts';
import { beginUpload } from '#registry/blob-upload.ts';
import type { Credentials } from '#registry/credentials.ts';
import { registryEndpoints, type RegistryEndpoint } from '#registry/endpoints.ts';
import { proxySettings } from '#registry/proxy-settings.ts';
import { readAnswer } from '#registry/read-answer.ts';
import { Repository, type FetchedManifest } from '#registry/repository.ts';
import type { PlatformView } from '#schema/registry-views.ts';
import { makeEntry, wholeText, type ManifestEntry } from './manifest-entry.ts';

export interface ManifestRegistryOptions {
  readonly configuration: ClientConfiguration;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Registries without a certificate that can be verified, and without TLS, may be spoken to. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

const largestConfiguration = 8 * 1024 * 1024;
const plainAnswer = 'server gave HTTP response to HTTPS client';

export class ManifestRegistry {
  readonly #options: ManifestRegistryOptions;

  constructor(options: ManifestRegistryOptions) {
    this.#options = options;
  }

  /** The manifest of one image. @throws Error with Docker's texts, also for a list */
  async image(reference: ImageReference): Promise<ManifestEntry> {
    return await this.#ask(reference, async (repository) => {
      const fetched = await this.#fetch(repository, reference);
      const entry = await this.#entryOf(repository, reference, fetched);
      if (entry === undefined) throw new Error(`${wholeText(reference)} is a manifest list`);
      return entry;
    });
  }

  /** The manifests of a list or index. @throws Error with Docker's texts */
  async list(reference: ImageReference): Promise<ManifestEntry[]> {
    return await this.#ask(reference, async (repository) => {
      const { text, contentType } = await this.#fetch(repository, reference);
      const index = parseManifest(text, contentType);
      if (index.kind !== 'index') throw new Error('unsupported manifest format');
      return await this.#entriesOf(repository, reference, index);
    });
  }

  /** For writing into the repository of `target`. */
  async open(target: ImageReference): Promise<Repository> {
    const endpoints = await this.#endpoints(target);
    const plain = this.#options.insecure ? undefined : endpoints.find(({ base }) => base.protocol === 'http:');
    const chosen = plain ?? endpoints[0];
    if (chosen === undefined) throw new Error(`no endpoints found for ${wholeText(target)}`);
    return (await this.#connect(chosen, target, ['pull', 'push'])).repository;
  }

  /** False when the registry wants the bytes instead. */
  async mount(repository: Repository, digest: string, from: string): Promise<boolean> {
    const { signal } = this.#options;
    const upload = await beginUpload(repository, { mount: { digest, repository: from }, signal });
    await upload?.cancel(signal);
    return upload === undefined;
  }

  async #ask<T>(reference: ImageReference, work: (repository: Repository) => Promise<T>): Promise<T> {
    const spokenTo = new Set<string>();
    for (const endpoint of await this.#endpoints(reference)) {
      if (endpoint.base.protocol === 'http:' && spokenTo.has(endpoint.base.host)) continue;
      let connected: { repository: Repository; endpoint: RegistryEndpoint };
      try {
        connected = await this.#connect(endpoint, reference, ['pull']);
      } catch (error) {
        if (error instanceof Error && error.message.includes(plainAnswer)) continue;
        throw error;
      }
      using repository = connected.repository;
      if (connected.endpoint.base.protocol === 'http:' && !this.#options.insecure) continue;
      try {
        return await work(repository);
      } catch (error) {
        const { fault, detailed } = error instanceof EngineError ? error.details : {};
        const mayGoOn = isFailure(error, 'registry.unexpected_answer') || (isFailure(error, 'registry.refused') && detailed === true && ['UNAUTHORIZED', 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN'].includes(String(fault)));
        if (!mayGoOn) throw error;
        if (connected.endpoint.base.protocol === 'https:') spokenTo.add(endpoint.base.host);
      }
    }
    throw new Error(`no such manifest: ${wholeText(reference)}`);
  }

  async #endpoints(reference: ImageReference): Promise<RegistryEndpoint[]> {
    const { insecure, environment } = this.#options;
    return await registryEndpoints(reference.domain, { certificatesDirectories, proxies: proxySettings({}, environment), insecureRegistries: insecure ? [reference.domain] : [] });
  }

  /** An insecure registry that does not speak TLS is spoken to without it. */
  async #connect(endpoint: RegistryEndpoint, reference: ImageReference, actions: readonly ('push' | 'pull')[]): Promise<{ repository: Repository; endpoint: RegistryEndpoint }> {
    const { signal } = this.#options;
    const credentials = await this.#credentials(reference);
    const open = async (where: RegistryEndpoint): Promise<{ repository: Repository; endpoint: RegistryEndpoint }> => ({
      repository: await Repository.open({ endpoint: where, path: reference.path, credentials, userAgent: `Docker-Client/${dockerVersion} (linux)`, actions }, signal),
      endpoint: where,
    });
    try {
      try {
        return await open(endpoint);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.includes(plainAnswer) || !endpoint.trust.insecure || endpoint.base.protocol !== 'https:') throw error;
        return await open({ ...endpoint, base: new URL(endpoint.base.href.replace(/^https:/, 'http:')) });
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw fail(error.code, { ...error.details, message: `failed to configure transport: error pinging v2 registry: ${error.message}` }, error);
    }
  }

  /** As Docker: credentials that cannot be had are none. */
  async #credentials(reference: ImageReference): Promise<Credentials> {
    const { configuration, environment } = this.#options;
    const found = await new CredentialStore(configuration, environment).get(credentialKey(reference.domain)).catch(() => ({}));
    const { username = '', password = '', identitytoken = '', registrytoken = '' } = found as { username?: string; password?: string; identitytoken?: string; registrytoken?: string };
    return { username, password, identityToken: identitytoken, registryToken: registrytoken };
  }

  async #fetch(repository: Repository, reference: ImageReference): Promise<FetchedManifest> {
    return await repository.manifest(reference.tag ?? reference.digest ?? '', this.#options.signal, { verb: 'Get' });
  }

  /** Undefined for a list. */
  async #entryOf(repository: Repository, reference: ImageReference, { text, contentType }: FetchedManifest): Promise<ManifestEntry | undefined> {
    const manifest = parseManifest(text, contentType);
    if (manifest.kind === 'index') return undefined;
    const { body } = await repository.blob(manifest.config.digest, { signal: this.#options.signal });
    const configuration: unknown = JSON.parse((await readAnswer(body, 'image configuration', largestConfiguration)).toString('utf8'));
    return makeEntry(reference, { text, mediaType: manifest.mediaType, platform: platformIn(configuration) });
  }

  async #entriesOf(repository: Repository, reference: ImageReference, index: ImageIndex): Promise<ManifestEntry[]> {
    const entries: ManifestEntry[] = [];
    for (const { digest, platform } of index.manifests) {
      const fetched = await repository.manifest(digest, this.#options.signal);
      const entry = await this.#entryOf(repository, withDigest(reference.tag === undefined ? repositoryOf(reference) : reference, digest), fetched);
      if (entry === undefined) throw new Error('unsupported manifest type: *manifestlist.DeserializedManifestList');
      entries.push({ ...entry, Descriptor: { ...entry.Descriptor, platform: viewOf(platform) } });
    }
    return entries;
  }
}

function platformIn(configuration: unknown): PlatformView {
  const { architecture, os, variant, 'os.version': version, 'os.features': features } = (configuration ?? {}) as Record<string, unknown>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    architecture: text(architecture),
    os: text(os),
    ...(text(version) === '' ? {} : { 'os.version': text(version) }),
    ...(Array.isArray(features) ? { 'os.features': features.map(String) } : {}),
    ...(text(variant) === '' ? {} : { variant: text(variant) }),
  };
}

function viewOf(platform: Platform | undefined): PlatformView {
  const { architecture = '', os = '', osVersion, osFeatures, variant } = platform ?? {};
  return {
    architecture,
    os,
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(osFeatures === undefined ? {} : { 'os.features': osFeatures }),
    ...(variant === undefined ? {} : { variant }),
  };
}
