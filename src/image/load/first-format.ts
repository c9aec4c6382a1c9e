/**
 * The archive format of Docker before 1.10: a directory per layer with `json` and `layer.tar`, and a file
 * `repositories` with the names. A configuration in today's form is made of each.
 */
import { fail } from '#base/errors/failure.ts';
import { chainIds } from '#oci/chain-id.ts';
import { digestOf } from '#oci/digest.ts';
import { largestConfiguration, parseImageConfiguration } from '#oci/image-configuration.ts';
import { asObject, asString, asStringMap, asStrings, optional, parseJson, type JsonObject } from '#oci/json-value.ts';
import { largestDocument } from '#oci/manifest.ts';
import { parseReference, withTag, type ImageReference } from '#oci/reference.ts';
import { checkedJson, checkSystem, type LoadedImage, type LoadSession } from './load-session.ts';
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

async function readRepositories({ archive }: LoadSession): Promise<{ name: ImageReference; directory: string }[]> {
  const document = asObject(parseJson(checkedJson(await archive.text('repositories', largestDocument), 'decoder'), 'repositories'), 'repositories');
  return Object.entries(document).flatMap(([repository, tags]) =>
    Object.entries(asStringMap(tags, `repositories.${repository}`)).map(([tag, directory]) => ({ name: withTag(parseReference(repository), tag), directory })),
  );
}

/** Builds a directory's image after those it lies on. */
async function build(session: LoadSession, start: string, built: Map<string, Built>): Promise<void> {
  const waiting: { directory: string; configuration: JsonObject; parent: string | undefined }[] = [];
  for (let directory: string | undefined = start; directory !== undefined && !built.has(directory); directory = waiting.at(-1)?.parent) {
    if (waiting.some((entry) => entry.directory === directory)) throw fail('image.invalid_archive', { message: `image ${directory} is its own ancestor` });
    const what = `${directory}/json`;
    const configuration = asObject(parseJson(await session.archive.text(what, largestConfiguration), what), what);
    const parent = optional(configuration['parent'], `${what}: parent`, asString);
    waiting.push({ directory, configuration, parent: parent === '' ? undefined : parent });
  }
  for (const { directory, configuration, parent } of waiting.reverse()) {
    built.set(directory, await buildOne(session, { directory, configuration, parent: parent === undefined ? undefined : built.get(parent) }));
  }
}

async function buildOne(session: LoadSession, given: { directory: string; configuration: JsonObject; parent: Built | undefined }): Promise<Built> {
  const { directory, configuration, parent } = given;
  checkSystem(optional(configuration['os'], 'os', asString) ?? '');
  const below = chainIds(parent?.diffIds ?? []).at(-1);
  const layer = await placeLayer(session, { below, name: `${directory}/layer.tar`, identifier: directory });
  const diffIds = [...(parent?.diffIds ?? []), layer.diffId];
  const history = [...(parent?.history ?? []), historyOf(configuration)];
  const kept = Object.entries(configuration).filter(([key]) => !dropped.has(key));
  const document = Object.fromEntries([...kept, ['rootfs', { type: 'layers', diff_ids: diffIds }], ['history', history]].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
  const bytes = Buffer.from(JSON.stringify(document));
  const image: LoadedImage = { id: digestOf(bytes), configuration: bytes, parsed: parseImageConfiguration(bytes.toString('utf8')), names: [], parent: parent?.image.id };
  return { image, diffIds, history };
}

function historyOf(configuration: JsonObject): object {
  const container = optional(configuration['container_config'], 'container_config', asObject);
  const command = optional(container?.['Cmd'], 'container_config.Cmd', asStrings) ?? [];
  return {
    created: configuration['created'],
    author: configuration['author'],
    created_by: command.length === 0 ? undefined : command.join(' '),
    comment: configuration['comment'],
  };
}
