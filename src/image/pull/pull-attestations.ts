/** What an index says of its images besides them: attestation manifests (provenance, bills of material), kept with the image they are about. */
import { isFailure } from '#base/errors/failure.ts';
import { parseManifest, type Descriptor, type ImageIndex } from '#oci/manifest.ts';
import type { KeptManifest } from '../manifests/manifest-catalog.ts';
import { downloadBlob } from './download-blob.ts';
import { fetchManifest, type DocumentFetch } from './fetch-document.ts';

/** The attestations of one manifest of an index, with their blobs; those the registry does not have are none. */
export async function pullAttestations(fetch: DocumentFetch, about: { index: ImageIndex | undefined; manifest: string }): Promise<KeptManifest[]> {
  const descriptors = (about.index?.manifests ?? []).filter((descriptor) => isAttestation(descriptor, about.manifest));
  const pulled: KeptManifest[] = [];
  for (const descriptor of descriptors) {
    const attestation = await pullAttestation(fetch, descriptor);
    if (attestation !== undefined) pulled.push(attestation);
  }
  return pulled;
}

/** As BuildKit marks them. */
function isAttestation({ annotations }: Descriptor, manifest: string): boolean {
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' && annotations['vnd.docker.reference.digest'] === manifest;
}

async function pullAttestation(fetch: DocumentFetch, descriptor: Descriptor): Promise<KeptManifest | undefined> {
  try {
    const { bytes, digest, contentType } = await fetchManifest(fetch, descriptor.digest);
    const manifest = parseManifest(bytes.toString('utf8'), contentType ?? descriptor.mediaType);
    if (manifest.kind === 'index') return undefined;
    const references = [manifest.config, ...manifest.layers];
    for (const blob of references) {
      fetch.blobs.hold(blob.digest);
      // Users are told of the layers of their image only.
      await downloadBlob({ ...fetch, blob, what: 'attestation', report: () => undefined });
    }
    return { digest, size: bytes.length, mediaType: manifest.mediaType, kind: 'manifest', repositories: [], references };
  } catch (error) {
    fetch.signal.throwIfAborted();
    if (isFailure(error, 'registry.refused') || isFailure(error, 'registry.blob_unknown')) return undefined;
    throw error;
  }
}
