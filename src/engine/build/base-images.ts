/** The images that FROM and `--from` name: those that are here, or pulled. */
import { fail, isFailure } from '#base/errors/failure.ts';
import type { ImageStore } from '#image/contract.ts';
import { canonicalName, familiarText, parseReference, withDefaultTag } from '#oci/reference.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import type { BuildRequest } from '../contract.ts';
import type { BuildOutput } from './build-output.ts';

export interface BaseImage {
  readonly imageId: string;
  readonly author: string;
  readonly config: ImageRuntimeConfig;
}

export interface BaseImagesOptions {
  readonly images: ImageStore;
  readonly output: BuildOutput;
  readonly request: Pick<BuildRequest, 'pull' | 'platform' | 'authorizations'>;
  readonly signal: AbortSignal;
}

export class BaseImages {
  readonly #options: BaseImagesOptions;

  constructor(options: BaseImagesOptions) {
    this.#options = options;
  }

  /** @param platform empty: as the build asks. @throws image.invalid_reference and what a pull throws */
  async find(reference: string, platform: string): Promise<BaseImage> {
    const { images, request } = this.#options;
    let imageId = request.pull ? undefined : this.#local(reference);
    if (imageId === undefined) {
      await this.#pull(reference, platform === '' ? request.platform : platform);
      imageId = this.#local(reference);
    }
    if (imageId === undefined) throw fail('image.not_found', { reference });
    return { imageId, author: images.authorOf(imageId), config: images.resolve(imageId).config };
  }

  #local(reference: string): string | undefined {
    try {
      return this.#options.images.resolve(reference).id;
    } catch (error) {
      if (isFailure(error, 'image.not_found')) return undefined;
      throw error;
    }
  }

  async #pull(reference: string, platform: string): Promise<void> {
    const { images, output, request, signal } = this.#options;
    const name = withDefaultTag(parseReference(reference));
    const authorization = authorizationFor(canonicalName(name).split('/')[0] ?? '', request.authorizations);
    for await (const message of images.pull(familiarText(name), { signal, ...(platform === '' ? {} : { platform }), ...(authorization === '' ? {} : { authorization }) })) {
      await output.message(message);
    }
  }
}

/** One registry's entry of `X-Registry-Config`, as `X-Registry-Auth` has it; empty: none. */
function authorizationFor(domain: string, header: string): string {
  if (header === '') return '';
  let entries: unknown;
  try {
    entries = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  } catch {
    // As Docker: what cannot be read counts as none.
    return '';
  }
  if (typeof entries !== 'object' || entries === null) return '';
  const key = domain === 'docker.io' ? 'https://index.docker.io/v1/' : domain;
  const entry: unknown = new Map<string, unknown>(Object.entries(entries)).get(key);
  return entry === undefined ? '' : Buffer.from(JSON.stringify(entry)).toString('base64url');
}
