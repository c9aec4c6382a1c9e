/** Where a build's result goes: images, an archive or a directory of the client. */
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { SourceTree } from '#build/source-tree.ts';
import { formatPlatform } from '#oci/platform.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import type { BuildExecutor } from './build-executor.ts';
import type { BuildExporter } from './contract.ts';
import { beginStep, sendArchive, sessionOf, type ExportParts } from './export/export-parts.ts';
import { exportImageArchive, exportImages } from './export/export-images.ts';
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

/** The files of the one image; those of several in a directory for each platform. */
async function filesOf(images: readonly SolvedImage[], { executor }: ExportParts): Promise<AsyncIterable<Uint8Array>> {
  const [only] = images;
  if (only === undefined) return writeTar([]);
  return images.length === 1 && !only.options.multiPlatform ? ((await executor.archive(only.top)) as AsyncIterable<Buffer>) : writeTar(byPlatform(images, executor));
}

async function* byPlatform(images: readonly SolvedImage[], executor: BuildExecutor): AsyncGenerator<TarMember> {
  for (const { top, platform } of images) {
    const prefix = `${formatPlatform(platform).replaceAll('/', '_')}/`;
    yield { header: { name: prefix, type: 'directory' } };
    for await (const { entry, body } of readTar((await executor.archive(top)) as AsyncIterable<Buffer>)) {
      const { type } = entry;
      const name = entry.name.replace(/^(?:\.?\/)+/, '');
      if (type === 'unknown' || name === '' || name === '.') continue;
      const linkName = type === 'hardlink' ? `${prefix}${entry.linkName.replace(/^(?:\.?\/)+/, '')}` : entry.linkName;
      yield { header: { ...entry, type, name: `${prefix}${name}`, linkName }, body: type === 'file' ? (body as AsyncIterable<Buffer>) : undefined };
    }
  }
}
