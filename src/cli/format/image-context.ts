/** The rows of `images`. */
import type { ImageSummary } from '#schema/image-views.ts';
import { humanDuration } from '#base/human-duration.ts';
import { humanSize } from '#base/human-size.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { contextType } from './context-type.ts';
import { knownReference } from './known-reference.ts';
import { localTimeText } from './local-time.ts';
import type { ListFormat } from './render-list.ts';

export interface ImageRow {
  readonly image: ImageSummary;
  readonly truncate: boolean;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const none = '<none>';
const created = '{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}';

/** What `--format` or the configuration chose. */
export function imageFormat(source: string, { quiet, digests }: { quiet: boolean; digests: boolean }): ListFormat {
  return { format: chooseFormat(source, quiet, digests), headers: imageHeaders };
}

function chooseFormat(source: string, quiet: boolean, digests: boolean): string {
  if (source === 'table') {
    return quiet ? '{{.ID}}' : `table {{.Repository}}\\t{{.Tag}}\\t${digests ? '{{.Digest}}\\t' : ''}{{.ID}}\\t${created}\\t{{.Size}}`;
  }
  if (source === 'raw') return rawImageFormat({ quiet, digests });
  return source.startsWith('table') && digests && !source.includes('{{.Digest}}') ? `${source}\\t{{.Digest}}` : source;
}

export function rawImageFormat({ quiet, digests }: { quiet: boolean; digests: boolean }): string {
  if (quiet) return 'image_id: {{.ID}}';
  const digest = digests ? ['digest: {{.Digest}}'] : [];
  return ['repository: {{ .Repository }}', 'tag: {{.Tag}}', ...digest, 'image_id: {{.ID}}', 'created_at: {{.CreatedAt}}', 'virtual_size: {{.Size}}', ''].join('\n');
}

export const imageHeaders = {
  ID: 'IMAGE ID', Repository: 'REPOSITORY', Tag: 'TAG', Digest: 'DIGEST', CreatedSince: 'CREATED', CreatedAt: 'CREATED AT',
  Size: 'SIZE', Containers: 'CONTAINERS', VirtualSize: 'SIZE', SharedSize: 'SHARED SIZE', UniqueSize: 'UNIQUE SIZE',
};

export const imageContext = contextType<ImageRow>('formatter.imageContext', {
  ID: ({ image, truncate }) => (truncate ? shortIdentifier(image.Id) : image.Id),
  Repository: ({ repository }) => repository,
  Tag: ({ tag }) => tag,
  Digest: ({ digest }) => digest,
  CreatedSince: ({ image }) => `${humanDuration(Date.now() - image.Created * 1000)} ago`,
  CreatedAt: ({ image }) => localTimeText(image.Created),
  Size: ({ image }) => humanSize(image.Size, 3),
  Containers: ({ image }) => (image.Containers === -1 ? 'N/A' : String(image.Containers)),
  VirtualSize: ({ image }) => humanSize(image.Size),
  SharedSize: ({ image }) => (image.SharedSize === -1 ? 'N/A' : humanSize(image.SharedSize)),
  UniqueSize: ({ image }) => (image.Size === -1 || image.SharedSize === -1 ? 'N/A' : humanSize(image.Size - image.SharedSize)),
});

/** An image without any name. */
export function isDangling({ RepoTags: tags, RepoDigests: digests }: ImageSummary): boolean {
  if ((tags ?? []).length === 0 && (digests ?? []).length === 0) return true;
  return tags?.length === 1 && tags[0] === '<none>:<none>' && digests?.length === 1 && digests[0] === '<none>@<none>';
}

/** One row for each name of an image; with `digests`, for each of its digests too. */
export function imageRows(image: ImageSummary, { truncate, digests, format }: { truncate: boolean; digests: boolean; format: string }): ImageRow[] {
  const row = (repository: string, tag: string, digest: string): ImageRow => ({ image, truncate, repository, tag, digest });
  if (isDangling(image)) return [row(none, none, none)];
  const tags = grouped(image.RepoTags, 'tag');
  const digestsOf = grouped(image.RepoDigests, 'digest');
  const shows = digests || format.includes('{{.Digest}}');
  const rows: ImageRow[] = [];
  for (const [repository, names] of tags) {
    const shown = shows ? digestsOf.get(repository) ?? [] : [];
    digestsOf.delete(repository);
    for (const tag of names) rows.push(...(shown.length === 0 ? [none] : shown).map((digest) => row(repository, tag, digest)));
  }
  for (const [repository, values] of digestsOf) {
    rows.push(...(digests ? values : ['']).map((digest) => row(repository, none, digest)));
  }
  return rows;
}

function grouped(references: readonly string[] | null, part: 'tag' | 'digest'): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const text of references ?? []) {
    const reference = knownReference(text);
    if (reference === undefined || reference[part] === '') continue;
    groups.set(reference.name, [...groups.get(reference.name) ?? [], reference[part]]);
  }
  return groups;
}
