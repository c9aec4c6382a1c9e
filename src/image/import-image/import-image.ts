/** Makes an image of one layer from a root filesystem. All is checked before the archive is read. */
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { timestampNow } from '#base/timestamp.ts';
import { applyChanges } from '#oci/instructions/apply-changes.ts';
import { hostPlatform, parsePlatform } from '#oci/platform.ts';
import { familiarText } from '#oci/reference.ts';
import type { ProxySettings } from '#registry/proxy-settings.ts';
import { reportEvent, type ImageParts } from '../image-parts.ts';
import { targetName } from '../target-name.ts';
import type { Report } from '../progress/progress-stream.ts';
import { downloadArchive } from './download-archive.ts';
import { makeConfiguration } from './make-configuration.ts';

export interface ImportOptions {
  readonly repository?: string;
  readonly tag?: string;
  /** Empty: names the source. */
  readonly message: string;
  readonly changes: readonly string[];
  readonly platform?: string;
  /** `-`: the archive given; else the address of one. */
  readonly source: string;
  readonly proxies?: ProxySettings | undefined;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** Answers the image's id. @throws image.invalid_reference, image.invalid_platform, image.unsupported_system, image.invalid_change and what `LayerStore.apply` throws */
export async function importImage(parts: ImageParts, archive: Readable, options: ImportOptions): Promise<string> {
  const { repository, tag, signal } = options;
  const platform = options.platform === undefined || options.platform === '' ? hostPlatform() : parsePlatform(options.platform);
  const name = repository === undefined || repository === '' ? undefined : targetName(repository, tag);
  if (platform.os !== 'linux') throw fail('image.unsupported_system');
  const config = applyChanges({}, options.changes);
  await using lease = parts.keeper.lease();
  const body = options.source === '-' ? archive : await downloadArchive(options.source, options);
  const layer = await lease.apply(undefined, body, { signal });
  const created = timestampNow();
  const comment = options.message === '' ? `Imported from ${options.source}` : options.message;
  const configuration = makeConfiguration({
    architecture: platform.architecture,
    variant: platform.variant,
    os: platform.os,
    created,
    comment,
    engineVersion: parts.engineVersion,
    config,
    diffIds: [layer.diffId],
    history: [{ created, comment }],
  });
  await parts.settlement.files();
  signal.throwIfAborted();
  const [id = ''] = await parts.catalog.add([{ configuration, ...(name === undefined ? {} : { names: [name], tagged: true }) }]);
  await parts.settlement.rows();
  if (name !== undefined) reportEvent(parts, { action: 'tag', id, imageId: id, name: familiarText(name) });
  reportEvent(parts, { action: 'import', id, imageId: id, name: id });
  return id;
}
