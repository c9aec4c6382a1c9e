/** Images of a client's directories in OCI's layout, `--build-context NAME=oci-layout://…`: read blob by blob, verified, and no image of this engine. */
import { createHash } from 'node:crypto';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { hasDigest } from '#oci/digest.ts';
import { largestConfiguration, parseImageConfiguration, platformOf, type ImageConfiguration } from '#oci/image-configuration.ts';
import { largestDocument, parseManifest, type ImageManifest } from '#oci/manifest.ts';
import { formatPlatform, platformRank, type Platform } from '#oci/platform.ts';

/** Where blobs come from. */
export interface BlobSource {
  read(digest: string, signal: AbortSignal): AsyncIterable<Buffer>;
}

export interface LayoutImage {
  readonly configuration: ImageConfiguration;
  readonly platform: Platform;
  /** Digests of the layers, bottom first. */
  readonly layers: readonly string[];
}

/** @param address `STORE:TAG@DIGEST`, slashes before it. @throws build.solve_failed */
export function layoutReference(address: string): { store: string; digest: string } {
  const text = address.replace(/^\/\//, '');
  const at = text.indexOf('@');
  if (at < 0) throw fail('build.solve_failed', { message: `oci-layout reference ${JSON.stringify(text)} must have a digest` });
  // Clients of BuildKit name their stores so.
  return { store: `oci:${text.slice(0, at).replace(/:[^/:]*$/, '')}`, digest: text.slice(at + 1) };
}

/** @throws build.solve_failed for what is no image of the platform */
export async function readLayoutImage(source: BlobSource, digest: string, { platform, signal }: { platform: Platform; signal: AbortSignal }): Promise<LayoutImage> {
  try {
    const manifest = await findManifest(source, digest, { platform, signal });
    const configuration = parseImageConfiguration(await document(source, manifest.config.digest, { limit: largestConfiguration, signal }));
    return { configuration, platform: platformOf(configuration), layers: manifest.layers.map((layer) => layer.digest) };
  } catch (error) {
    if (!isFailure(error, 'image.invalid_document') && !isFailure(error, 'image.unsupported_manifest')) throw error;
    throw fail('build.solve_failed', { message: messageOf(error) }, error);
  }
}

/** A blob's bytes; fails at their end where they are not what the digest names. */
export async function* verifiedBlob(source: BlobSource, digest: string, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  const [algorithm = '', wanted = ''] = digest.split(':');
  const hash = createHash(algorithm);
  for await (const chunk of source.read(digest, signal)) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = hash.digest('hex');
  if (actual !== wanted) throw fail('build.solve_failed', { message: `blob ${digest} of the client has the digest ${algorithm}:${actual}` });
}

async function findManifest(source: BlobSource, digest: string, choice: { platform: Platform; signal: AbortSignal }): Promise<ImageManifest> {
  const { platform, signal } = choice;
  const found = parseManifest(await document(source, digest, { limit: largestDocument, signal }));
  if (found.kind === 'manifest') return found;
  const ranked = found.manifests.flatMap((one) => {
    const rank = one.platform === undefined ? undefined : platformRank(platform, one.platform);
    return rank === undefined ? [] : [{ rank, digest: one.digest }];
  });
  const best = ranked.sort((a, b) => a.rank - b.rank)[0]?.digest ?? (found.manifests.length === 1 ? found.manifests[0]?.digest : undefined);
  if (best === undefined) throw fail('build.solve_failed', { message: `no match for platform in manifest: not found: ${formatPlatform(platform)}` });
  return await findManifest(source, best, choice);
}

async function document(source: BlobSource, digest: string, { limit, signal }: { limit: number; signal: AbortSignal }): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source.read(digest, signal)) {
    size += chunk.length;
    if (size > limit) throw fail('build.solve_failed', { message: `blob ${digest} is larger than the ${limit} bytes of a document` });
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (!hasDigest(bytes, digest)) throw fail('build.solve_failed', { message: `blob ${digest} of the client has another digest` });
  return bytes.toString('utf8');
}
