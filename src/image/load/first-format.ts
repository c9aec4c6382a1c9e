/**
 * The archive format of Docker before 1.10: a directory per layer with `json` and `layer.tar`, and a file
 * `repositories` with the names. A configuration in today's form is made of each.
 */
import { fail } from '#base/errors/failure.ts';
import { int64, moment, record, struct, text, whenGiven } from '#base/json-shape.ts';
import { chainIds } from '#oci/chain-id.ts';
import { digestOf } from '#oci/digest.ts';
import { largestConfiguration, parseImageConfiguration, readConfiguration } from '#oci/image-configuration.ts';
import { asObject, parseJson } from '#oci/json-value.ts';
import { largestDocument } from '#oci/manifest.ts';
import { parseReference, withTag, type ImageReference } from '#oci/reference.ts';
import { runtimeConfig } from '#oci/runtime-config.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import { readArchived } from './archive-manifest.ts';
import { checkSystem, type LoadedImage, type LoadSession } from './load-session.ts';
import { placeLayer } from './place-layer.ts';

/** Fields of the old configuration that the new one does not have. */
const dropped = new Set(['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway']);

interface Built {
  readonly image: LoadedImage;
  readonly diffIds: readonly string[];
  readonly history: readonly object[];
}

/** Parents come before their children. */
export async function loadFirstFormat(session: LoadSession): Promise<LoadedImage[]> {
  const { archive } = session;
  const built = new Map<string, Built>();
  for (const directory of archive.topDirectories()) await build(session, directory, built);
  const names = await readRepositories(session);
  const byDirectory = new Map<string, ImageReference[]>();
  for (const { name, directory } of names) {
    if (!built.has(directory)) throw fail('image.invalid_archive', { message: `invalid target ID: ${directory}` });
    byDirectory.set(directory, [...(byDirectory.get(directory) ?? []), name]);
  }
  return [...built].map(([directory, { image }]) => ({ ...image, names: byDirectory.get(directory) ?? [] }));
}

/** What is needed of a configuration before its layer is read. */
const summary = struct<{ os: string; parent: string }>('struct { OS string; Parent string }', { os: text(), parent: text() });

interface FirstFields {
  id?: string;
  parent?: string;
  comment: string;
  created?: string;
  container?: string;
  container_config?: ImageRuntimeConfig;
  docker_version?: string;
  author: string;
  config?: ImageRuntimeConfig;
  architecture?: string;
  variant?: string;
  os?: string;
  Size?: number;
}

const first = struct<FirstFields>('image.V1Image', {
  id: whenGiven(text()),
  parent: whenGiven(text()),
  comment: text(),
  created: whenGiven(moment),
  container: whenGiven(text()),
  container_config: whenGiven(runtimeConfig),
  docker_version: whenGiven(text()),
  author: text(),
  config: whenGiven(runtimeConfig),
  architecture: whenGiven(text()),
  variant: whenGiven(text()),
  os: whenGiven(text()),
  Size: whenGiven(int64()),
});

const repositories = record(record(text()));

async function readRepositories({ archive }: LoadSession): Promise<{ name: ImageReference; directory: string }[]> {
  const document = readArchived(repositories, await archive.text('repositories', largestDocument), '') ?? {};
  return Object.entries(document).flatMap(([repository, tags]) =>
    Object.entries(tags ?? {}).map(([tag, directory]) => ({ name: withTag(parseReference(repository), tag), directory })),
  );
}

interface Waiting {
  readonly directory: string;
  readonly source: string;
  readonly parent: string | undefined;
}

/** Builds a directory's image after those it lies on. */
async function build(session: LoadSession, start: string, built: Map<string, Built>): Promise<void> {
  const waiting: Waiting[] = [];
  for (let directory: string | undefined = start; directory !== undefined && !built.has(directory); directory = waiting.at(-1)?.parent) {
    if (waiting.some((entry) => entry.directory === directory)) throw fail('image.invalid_archive', { message: `image ${directory} is its own ancestor` });
    const source = await session.archive.text(`${directory}/json`, largestConfiguration);
    const { os, parent } = readConfiguration(summary, source, '');
    checkSystem(os);
    waiting.push({ directory, source, parent: parent === '' ? undefined : parent });
  }
  for (const { directory, source, parent } of waiting.reverse()) {
    built.set(directory, await buildOne(session, { directory, source, parent: parent === undefined ? undefined : built.get(parent) }));
  }
}

async function buildOne(session: LoadSession, given: { directory: string; source: string; parent: Built | undefined }): Promise<Built> {
  const { directory, source, parent } = given;
  const below = chainIds(parent?.diffIds ?? []).at(-1);
  const layer = await placeLayer(session, { below, name: `${directory}/layer.tar`, identifier: directory });
  const diffIds = [...(parent?.diffIds ?? []), layer.diffId];
  const history = [...(parent?.history ?? []), historyOf(readConfiguration(first, source, 'V1Image'))];
  const kept = Object.entries(asObject(parseJson(source, directory), directory)).filter(([key]) => !dropped.has(key));
  const document = Object.fromEntries([...kept, ['rootfs', { type: 'layers', diff_ids: diffIds }], ['history', history]].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
  const bytes = Buffer.from(JSON.stringify(document));
  const image: LoadedImage = { id: digestOf(bytes), configuration: bytes, parsed: parseImageConfiguration(bytes.toString('utf8')), names: [], parent: parent?.image.id };
  return { image, diffIds, history };
}

function historyOf({ created, container_config: container, author, comment }: FirstFields): object {
  const command = container?.Cmd ?? [];
  return {
    created,
    created_by: command.length === 0 ? undefined : command.join(' '),
    author: author === '' ? undefined : author,
    comment: comment === '' ? undefined : comment,
  };
}
