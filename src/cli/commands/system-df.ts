/** `system df`: what takes up the engine's disk. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { buildCacheContext, buildCacheHeaders, rawBuildCacheFormat, sortBuildCache } from '#cli/format/build-cache-context.ts';
import { containerContext, containerFormat } from '#cli/format/container-context.ts';
import { buildCacheSize, usageContext, usageHeaders, usageRows, type DiskUsage } from '#cli/format/disk-usage.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { imageContext, imageHeaders, isDangling, rawImageFormat, type ImageRow } from '#cli/format/image-context.ts';
import { knownReference } from '#cli/format/known-reference.ts';
import { renderList, renderOne } from '#cli/format/render-list.ts';
import { usageText } from '#cli/format/storage-text.ts';
import { volumeContext, volumeFormat, volumeHeaders } from '#cli/format/volume-context.ts';
import { humanSize } from '#base/human-size.ts';
import { bytesOfText } from '#base/template/go-text.ts';
import { pointerTo, sliceOf, structOf } from '#base/template/go-type.ts';
import type { GoValue } from '#base/template/go-value.ts';
import type { ImageSummary } from '#schema/image-views.ts';

const rawUsage = ['type: {{.Type}}', 'total: {{.TotalCount}}', 'active: {{.Active}}', 'size: {{.Size}}', 'reclaimable: {{.Reclaimable}}', ''].join('\n');

function rawDetails(): string {
  const parts = [
    ['Images', 'Image', rawImageFormat({ quiet: false, digests: true })],
    ['Containers', 'Container', containerFormat('raw', { quiet: false, size: true }).format],
    ['Volumes', 'Volume', volumeFormat('raw', false).format],
    ['BuildCache', 'Build Cache', rawBuildCacheFormat],
  ];
  return parts.map(([list, kind, format]) => `{{range .${list}}}type: ${kind}\n${format}\n{{end -}}`).join('\n');
}

/** Everything that is listed, as the values of templates. */
interface Details {
  readonly images: GoValue[];
  readonly containers: GoValue[];
  readonly volumes: GoValue[];
  readonly buildCache: GoValue[];
}

function detailsOf(usage: DiskUsage, truncate: boolean): Details {
  return {
    images: (usage.Images ?? []).flatMap((image) => imageRow(image, truncate) ?? []).map(imageContext.value),
    containers: (usage.Containers ?? []).map(({ SizeRootFs: _whole, ...container }) => containerContext.value({ container, truncate })),
    volumes: (usage.Volumes ?? []).map(volumeContext.value),
    buildCache: sortBuildCache(usage.BuildCache ?? []).map((record) => buildCacheContext.value({ record, truncate })),
  };
}

/** An image by its first name alone; one whose name cannot be read is left out. */
function imageRow(image: ImageSummary, truncate: boolean): ImageRow | undefined {
  const [first] = isDangling(image) ? [] : image.RepoTags ?? [];
  if (first === undefined) return { image, truncate, repository: '<none>', tag: '<none>', digest: '' };
  const reference = knownReference(first);
  if (reference === undefined) return undefined;
  const named = reference.tag !== '';
  return { image, truncate, repository: named ? reference.name : '<none>', tag: named ? reference.tag : '<none>', digest: '' };
}

function detailTables(usage: DiskUsage): string {
  const { images, containers, volumes, buildCache } = detailsOf(usage, true);
  const table = (columns: readonly string[], headers: Readonly<Record<string, string>>, rows: readonly GoValue[]): string => (
    renderList({ format: `table ${columns.map((column) => `{{.${column}}}`).join('\\t')}`, headers }, rows));
  const { headers: containerHeaders } = containerFormat('table', { quiet: false, size: true });
  return [
    'Images space usage:\n\n',
    table(['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers'], imageHeaders, images),
    '\nContainers space usage:\n\n',
    table(['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names'], containerHeaders, containers),
    '\nLocal Volumes space usage:\n\n',
    table(['Name', 'Links', 'Size'], volumeHeaders, volumes),
    `\nBuild cache usage: ${humanSize(buildCacheSize(usage.BuildCache ?? []))}\n\n`,
    table(['ID', 'CacheType', 'Size', 'CreatedSince', 'LastUsedSince', 'UsageCount', 'Shared'], buildCacheHeaders, buildCache),
  ].join('');
}

const detailsType = structOf('formatter.diskUsageContext', [
  ['Images', sliceOf(imageContext.type)],
  ['Containers', sliceOf(containerContext.type)],
  ['Volumes', sliceOf(volumeContext.type)],
  ['BuildCache', sliceOf(buildCacheContext.type)],
]);

function detailsText(usage: DiskUsage, format: string): string {
  const { images, containers, volumes, buildCache } = detailsOf(usage, format.startsWith('table'));
  const lists = [images, containers, volumes, buildCache].map((data, at) => ({ type: detailsType.fields[at]?.type ?? detailsType, data }));
  return renderOne(format === 'raw' ? rawDetails() : format, { type: pointerTo(detailsType), data: { type: detailsType, data: lists } });
}

export const command = defineCommand({
  usage: 'df [OPTIONS]',
  positional: noArguments,
  flags: {
    format: textFlag({ text: listFormatText }),
    verbose: booleanFlag({ short: 'v', text: 'Show detailed information on space usage' }),
  },
  async run({ client, flags, program, stdout, signal }) {
    const usage = await client.transport.json<DiskUsage>({ method: 'GET', path: '/system/df', signal });
    const format = flags.format === '' ? 'table' : flags.format;
    if (flags.verbose) {
      stdout.write(bytesOfText(format === 'table' ? detailTables(usage) : detailsText(usage, format)));
      if (format === 'table' && program === 'dhow') stdout.write(`\nDisk usage by owner:\n\n${usageText(await client.system.checkStorage({ deep: false }, signal))}\n`);
      return 0;
    }
    const columns = 'table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}';
    const chosen = format === 'table' ? columns : format === 'raw' ? rawUsage : format;
    stdout.write(bytesOfText(renderList({ format: chosen, headers: usageHeaders }, usageRows(usage).map(usageContext.value))));
    return 0;
  },
});
