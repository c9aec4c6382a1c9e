/** Where a build's result goes: an image, an archive or a directory of the client. */
import { fail } from '#base/errors/failure.ts';
import { SourceTree } from '#build/source-tree.ts';
import { digestOf } from '#oci/digest.ts';
import { canonicalText, familiarText, parseReference, withDefaultTag } from '#oci/reference.ts';
import { join } from 'node:path';
import type { ImageStore } from '#image/contract.ts';
import { buildNode } from './build-node.ts';
import type { BuildExecutor } from './build-executor.ts';
import type { BuildProgress } from './build-progress.ts';
import type { BuildSession } from './build-session.ts';
import type { BuildExporter } from './contract.ts';
import { sendTree } from './send-tree.ts';
import type { SolvedImage } from './solve-build.ts';

export interface ExportParts {
  readonly images: ImageStore;
  readonly executor: BuildExecutor;
  readonly progress: BuildProgress;
  readonly session: BuildSession | undefined;
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** @throws build.solve_failed before anything is built where an exporter is unknown */
export function checkExporters(exporters: readonly BuildExporter[]): void {
  for (const { type } of exporters) {
    if (!['', 'moby', 'image', 'tar', 'local', 'cacheonly'].includes(type)) throw fail('build.solve_failed', { message: `exporter ${JSON.stringify(type)} could not be found` });
  }
}

/** @param index of the exporter among the build's. Answers what the client is told. */
export async function exportBuild(image: SolvedImage, exporter: BuildExporter, index: number, parts: ExportParts): Promise<Record<string, string>> {
  switch (exporter.type) {
    case 'tar':
      await exportArchive(image, index, parts);
      return {};
    case 'local':
      await exportDirectory(image, index, parts);
      return {};
    case 'moby':
    case 'image':
      return await exportImage(image, exporter, parts);
    default:
      return {};
  }
}

function beginStep(name: string, { progress }: ExportParts): string {
  const { digest } = buildNode({ kind: 'scratch', name, inputs: [] });
  progress.declare([{ digest, name, inputs: [] }]);
  progress.start(digest);
  return digest;
}

async function exportImage(image: SolvedImage, { attributes }: BuildExporter, parts: ExportParts): Promise<Record<string, string>> {
  const { images, progress } = parts;
  const names = (attributes['name'] ?? '').split(',').filter((name) => name !== '').map((name) => withDefaultTag(parseReference(name)));
  const vertex = beginStep('exporting to image', parts);
  const layers = progress.part(vertex, 'exporting layers');
  layers({ done: true });
  const id = digestOf(image.configuration);
  const writing = progress.part(vertex, `writing image ${id}`);
  await images.add(image.configuration, []);
  writing({ done: true });
  for (const name of names) {
    const naming = progress.part(vertex, `naming to ${canonicalText(name).replace(/:latest$/, '')}`);
    images.tag(id, familiarText(name), undefined);
    naming({ done: true });
  }
  progress.complete(vertex);
  return {
    'containerimage.config.digest': id,
    'containerimage.digest': id,
    ...(names.length === 0 ? {} : { 'image.name': names.map((name) => canonicalText(name)).join(',') }),
  };
}

async function exportArchive({ top }: SolvedImage, index: number, parts: ExportParts): Promise<void> {
  const { executor, progress, signal } = parts;
  const vertex = beginStep('exporting to client tarball', parts);
  const sending = progress.part(vertex, 'sending tarball');
  const stream = sessionOf(parts).sendArchive(index, {}, signal);
  let bytes = 0;
  for await (const chunk of (await executor.archive(top)) as AsyncIterable<Buffer>) {
    await stream.send(chunk);
    bytes += chunk.length;
  }
  stream.end();
  // The client closes its side once all is written.
  for await (const _chunk of stream.chunks);
  sending({ current: bytes, done: true });
  progress.complete(vertex);
}

async function exportDirectory({ top }: SolvedImage, index: number, parts: ExportParts): Promise<void> {
  const { executor, progress, signal, directory } = parts;
  const vertex = beginStep('exporting to client directory', parts);
  const copying = progress.part(vertex, 'copying files');
  await using tree = await SourceTree.read((await executor.archive(top)) as AsyncIterable<Buffer>, join(directory, `export-${index}`));
  const bytes = await sendTree(tree, sessionOf(parts).sendDirectory(index, signal), signal);
  copying({ current: bytes, done: true });
  progress.complete(vertex);
}

function sessionOf({ session }: ExportParts): BuildSession {
  if (session === undefined) throw fail('build.session_failed', { message: 'the result goes to the client, and there is no session with it' });
  return session;
}
