/** Looks up what FROM, `--from` and `--build-context` name: images, each once for a build, and other contexts. */
import { readFile } from 'node:fs/promises';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { parseGitAddress } from '#build/git-address.ts';
import type { ImageStore } from '#image/contract.ts';
import { parseImageConfiguration } from '#oci/image-configuration.ts';
import { asObject, parseJson } from '#oci/json-value.ts';
import { formatPlatform, hostPlatform, type Platform } from '#oci/platform.ts';
import { canonicalName, canonicalText, familiarText, parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import { patternsOf, remoteContext, textIn } from './build-files.ts';
import { buildNode } from './build-node.ts';
import { layoutReference, readLayoutImage } from './layout-image.ts';
import { refusing } from './plan-context.ts';
import type { BaseResolver } from './plan-build.ts';
import { authorizationFor } from './registry-authorization.ts';
import type { ImageMaterial, SolveParts } from './solve-build.ts';
import type { SolveOptions } from './solve-options.ts';
import { emptyConfig, scratchNode, type StageBase } from './stage-draft.ts';

/** Looks up images, each once for a build. */
export class ImageResolver implements BaseResolver {
  readonly #options: SolveOptions;
  readonly #parts: SolveParts;
  readonly #found = new Map<string, Promise<StageBase & { readonly reference: string }>>();
  readonly materials: ImageMaterial[] = [];

  constructor(options: SolveOptions, parts: SolveParts) {
    this.#options = options;
    this.#parts = parts;
  }

  image(reference: string, platform: Platform): Promise<StageBase & { readonly reference: string }> {
    const key = `${reference} ${formatPlatform(platform)}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.#look(reference, platform);
      found.catch(() => undefined);
      this.#found.set(key, found);
    }
    return found;
  }

  async context(name: string, platform: Platform): Promise<StageBase | undefined> {
    const { contexts } = this.#options;
    const address = contexts.get(`${name}::${formatPlatform(platform)}`) ?? contexts.get(name) ?? contexts.get(canonicalOr(name));
    if (address === undefined) return undefined;
    const separator = address.indexOf(':');
    const scheme = separator < 0 ? '' : address.slice(0, separator);
    const rest = address.slice(separator + 1);
    const base = { config: emptyConfig, author: '', history: [], platform };
    if (scheme === 'docker-image') return await this.#look(rest.replace(/^\/\//, ''), platform, name);
    if (scheme === 'local') {
      const exclude = await this.#ignored(name, rest);
      return { ...base, node: buildNode({ kind: 'local', name: `[context ${name}] load from client`, inputs: [], directory: rest, transfer: `transferring ${name}:`, wanted: { exclude } }) };
    }
    if (scheme === 'oci-layout') return await this.#layout(name, rest, platform);
    const git = refusing(() => parseGitAddress(address));
    if (git !== undefined) return { ...base, node: remoteContext(address, { name: `[internal] load git source ${address}`, keepDirectory: false }) };
    if (scheme === 'https' || scheme === 'http') return { ...base, node: buildNode({ kind: 'download', name: `[context ${name}] ${address}`, inputs: [], url: address, checksum: '', fileName: '', archive: false }) };
    if (scheme === 'git') throw fail('build.solve_failed', { message: `invalid git context ${address}` });
    if (scheme === 'input' && this.#options.inputs.has(rest)) return this.#input(rest, platform);
    if (scheme === 'input' || scheme === 'target') return { ...base, node: scratchNode() };
    throw fail('build.solve_failed', { message: `unsupported context source ${scheme} for ${name}` });
  }

  /** The result of another build, with what that tells of its image. */
  #input(name: string, platform: Platform): StageBase {
    const { inputs, attributes } = this.#options;
    const node = buildNode({ kind: 'image', name: '', inputs: [], top: inputs.get(name) });
    const told = parseJson(attributes[`input-metadata:${name}`] ?? '{}', 'metadata of an input');
    const configuration = asObject(told, 'metadata of an input')['containerimage.config'];
    if (typeof configuration !== 'string') return { node, config: emptyConfig, author: '', history: [], platform };
    const { author, history, config = emptyConfig } = parseImageConfiguration(Buffer.from(configuration, 'base64').toString('utf8'));
    return { node, config, author, history, platform };
  }

  async #layout(name: string, address: string, platform: Platform): Promise<StageBase> {
    const { session, signal } = this.#parts;
    const { store, digest } = layoutReference(address);
    if (session === undefined) throw fail('build.session_failed', { message: 'no local sources enabled' });
    const image = await readLayoutImage(session.store(store), digest, { platform, signal });
    const { author, history, config = emptyConfig } = image.configuration;
    return { node: buildNode({ kind: 'layout', name: `[context ${name}] OCI load from client`, inputs: [], store, layers: image.layers }), config, author, history, platform: image.platform };
  }

  /** What the directory of a context's own list of what is ignored names. */
  async #ignored(name: string, directory: string): Promise<readonly string[]> {
    const node = buildNode({ kind: 'local', name: `[context ${name}] load .dockerignore`, inputs: [], directory, transfer: `transferring ${name}:`, wanted: { follow: ['.dockerignore'] } });
    return patternsOf((await textIn((await this.#parts.executor.make(node)).tree, '.dockerignore')) ?? '');
  }

  /** @param context name of the `--build-context` that stands for the image; empty: none */
  async #look(text: string, platform: Platform, context = ''): Promise<StageBase & { readonly reference: string }> {
    const { images, progress, signal } = this.#parts;
    let name;
    try {
      name = withDefaultTag(parseReference(text));
    } catch (error) {
      throw fail('build.solve_failed', { message: `failed to parse stage name ${JSON.stringify(text)}: ${messageOf(error)}` }, error);
    }
    const canonical = canonicalText(name);
    const vertex = buildNode({ kind: 'scratch', name: context === '' ? `[internal] load metadata for ${canonical}` : `[context ${context}] load metadata for ${text}`, inputs: [] });
    progress.declare([{ digest: vertex.digest, name: vertex.name, inputs: [] }]);
    progress.start(vertex.digest);
    try {
      let image = this.#options.pull ? undefined : this.#local(familiarText(name), platform);
      if (image === undefined) {
        const authorization = await authorizationFor(name, this.#parts.session, signal);
        for await (const _message of images.pull(familiarText(name), { signal, ...(this.#options.anyPlatform ? {} : { platform: formatPlatform(platform) }), ...(authorization === '' ? {} : { authorization }) }));
        image = images.resolve(familiarText(name), platform);
      }
      progress.complete(vertex.digest);
      const { author, history } = parseImageConfiguration(await readFile(images.configurationPath(image.id), 'utf8'));
      const node = buildNode({ kind: 'image', name: context === '' ? canonical : `[context ${context}] ${text}`, inputs: [], top: image.topLayer });
      const known = images.namesOf(image.id).digests.find((one) => canonicalName(parseReference(one)) === canonicalName(name));
      this.materials.push({ reference: canonical, digest: known?.slice(known.indexOf('@') + 1) ?? image.id, image: image.id });
      const offered: Platform = { os: image.os, architecture: image.architecture, ...(image.variant === undefined ? {} : { variant: image.variant }) };
      return { node, config: image.config, author, history, platform: offered, reference: canonical };
    } catch (error) {
      signal.throwIfAborted();
      const reason = asResolverSays(messageOf(error), name);
      progress.complete(vertex.digest, { error: reason });
      throw fail('build.solve_failed', { message: `${context === '' ? `${text}: ` : ''}failed to resolve source metadata for ${canonical}: ${reason}`, vertex: vertex.digest }, error);
    }
  }

  #local(name: string, platform: Platform): ReturnType<ImageStore['resolve']> | undefined {
    const { images } = this.#parts;
    try {
      return this.#options.anyPlatform && formatPlatform(platform) === formatPlatform(hostPlatform()) ? images.resolve(name) : images.resolve(name, platform);
    } catch (error) {
      if (isFailure(error, 'image.not_found') || isFailure(error, 'image.platform_mismatch')) return undefined;
      throw error;
    }
  }
}

/** A registry that cannot be reached is told by the request for the manifest, as BuildKit makes it. */
function asResolverSays(message: string, name: ImageReference): string {
  const canonical = canonicalName(name);
  const path = canonical.slice(canonical.indexOf('/') + 1);
  return message.replace(/^(?:Get|Head) "https?:\/\/[^"]*\/v2\/[^"]*": /, `failed to do request: Head "https://${name.domain === 'docker.io' ? 'registry-1.docker.io' : name.domain}/v2/${path}/manifests/${name.digest ?? name.tag ?? 'latest'}": `);
}

function canonicalOr(name: string): string {
  try {
    return canonicalText(withDefaultTag(parseReference(name)));
  } catch {
    // A context may have any name.
    return name;
  }
}
