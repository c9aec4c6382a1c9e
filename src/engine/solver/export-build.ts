/** Where a build's result goes: images, an archive or a directory of the client. */
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { SourceTree } from '#build/source-tree.ts';
import { formatPlatform } from '#oci/platform.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import type { BuildExporter } from './contract.ts';
import { beginStep, sendArchive, sessionOf, type ExportParts } from './export/export-parts.ts';
import { attestedFiles } from './export/attested-files.ts';
import { attestationsOf, exportImageArchive, exportImages } from './export/export-images.ts';
import { sendTree } from './send-tree.ts';
import type { SolvedImage } from './solve-build.ts';

const known = ['', 'moby', 'image', 'oci', 'docker', 'tar', 'local', 'cacheonly'];

/** @throws build.solve_failed before anything is built where an exporter is unknown */
export function checkExporters(exporters: readonly BuildExporter[]): void {
  for (const { type } of exporters) {
    if (!known.includes(type)) throw fail('build.solve_failed', { message: `exporter ${JSON.stringify(type)} could not be found` });
  }
}

/** @param index of the exporter among the build's. Answers what the client is told. */
export async function exportBuild(images: readonly SolvedImage[], exporter: BuildExporter, index: number, parts: ExportParts): Promise<Record<string, string>> {
  switch (exporter.type) {
    case 'tar':
      await exportArchive(images, index, parts);
      return {};
    case 'local':
      await exportDirectory(images, index, parts);
      return {};
    case 'oci':
    case 'docker':
      return await exportImageArchive(images, exporter, index, parts);
    case 'moby':
    case 'image':
      return await exportImages(images, exporter, parts);
    default:
      return {};
  }
}

async function exportArchive(images: readonly SolvedImage[], index: number, parts: ExportParts): Promise<void> {
  const { progress } = parts;
  const vertex = beginStep('exporting to client tarball', parts);
  const sending = progress.part(vertex, 'sending tarball');
  const bytes = await sendArchive(await filesOf(images, parts), index, parts);
  sending({ current: bytes, done: true });
  progress.complete(vertex);
}

async function exportDirectory(images: readonly SolvedImage[], index: number, parts: ExportParts): Promise<void> {
  const { progress, signal, directory, session } = parts;
  const vertex = beginStep('exporting to client directory', parts);
  const copying = progress.part(vertex, 'copying files');
  await using tree = await SourceTree.read(await filesOf(images, parts), join(directory, `export-${index}`));
  const bytes = await sendTree(tree, sessionOf(session).sendDirectory(index, signal), signal);
  copying({ current: bytes, done: true });
  progress.complete(vertex);
}

/** The files of the one image; those of several in a directory for each platform. What is attested of them lies beside them. */
async function filesOf(images: readonly SolvedImage[], parts: ExportParts): Promise<AsyncIterable<Uint8Array>> {
  const [only] = images;
  if (only === undefined) return writeTar([]);
  if (images.length > 1 || only.options.multiPlatform) return writeTar(byPlatform(images, parts));
  const attestations = await attestationsOf(only, unaskedStays, parts);
  const archive = (await parts.executor.archive(only.top)) as AsyncIterable<Buffer>;
  return attestations.length === 0 ? archive : writeTar(attestedFiles(archive, '', attestations));
}

async function* byPlatform(images: readonly SolvedImage[], parts: ExportParts): AsyncGenerator<TarMember> {
  for (const image of images) {
    const prefix = `${formatPlatform(image.platform).replaceAll('/', '_')}/`;
    const attestations = await attestationsOf(image, unaskedStays, parts);
    yield { header: { name: prefix, type: 'directory' } };
    yield* attestedFiles((await parts.executor.archive(image.top)) as AsyncIterable<Buffer>, prefix, attestations);
  }
}

/** Provenance that a client asks for by itself stays out. */
const unaskedStays = { impliedAttestations: false } as const;
