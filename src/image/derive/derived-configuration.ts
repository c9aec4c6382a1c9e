/** Writes the configuration file of an image made from another, in the shape and key order of Docker's. */
import type { HistoryRecord, ImageConfiguration } from '#oci/image-configuration.ts';
import { hostPlatform } from '#oci/platform.ts';
import type { DerivedImage, RecordedConfig } from '../contract.ts';

export interface DerivationFacts {
  readonly base: ImageConfiguration | undefined;
  /** Diff id of the layer that is added. */
  readonly diffId: string | undefined;
  /** RFC 3339. */
  readonly created: string;
  readonly engineVersion: string;
}

export function derivedConfiguration(image: DerivedImage, { base, diffId, created, engineVersion }: DerivationFacts): Buffer {
  const platform = base ?? { ...hostPlatform(), osVersion: '' };
  const step = {
    created,
    author: unlessEmpty(image.author),
    created_by: unlessEmpty(image.createdBy),
    comment: unlessEmpty(image.comment),
    empty_layer: diffId === undefined ? true : undefined,
  };
  const document = {
    architecture: platform.architecture,
    author: unlessEmpty(image.author),
    comment: unlessEmpty(image.comment),
    config: configDocument(image.config),
    container: unlessEmpty(image.container ?? ''),
    container_config: configDocument(image.containerConfig),
    created,
    docker_version: engineVersion,
    history: [...(base?.history ?? []).map(historyDocument), step],
    os: platform.os === '' ? 'linux' : platform.os,
    'os.version': unlessEmpty(platform.osVersion ?? ''),
    rootfs: { type: 'layers', diff_ids: [...(base?.diffIds ?? []), ...(diffId === undefined ? [] : [diffId])] },
    variant: unlessEmpty(platform.variant ?? ''),
  };
  return Buffer.from(JSON.stringify(document));
}

function historyDocument({ created, author, createdBy, comment, emptyLayer }: HistoryRecord): object {
  return {
    created,
    author: unlessEmpty(author),
    created_by: unlessEmpty(createdBy),
    comment: unlessEmpty(comment),
    empty_layer: emptyLayer ? true : undefined,
  };
}

/** Every field Docker always writes, in its order. */
export function configDocument(config: RecordedConfig): object {
  return {
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    ExposedPorts: sorted(config.ExposedPorts) ?? undefined,
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    Healthcheck: config.Healthcheck,
    ArgsEscaped: config.ArgsEscaped === true ? true : undefined,
    Image: config.Image ?? '',
    Volumes: sorted(config.Volumes),
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: sorted(config.Labels),
    StopSignal: unlessEmpty(config.StopSignal ?? ''),
    StopTimeout: config.StopTimeout,
    Shell: config.Shell,
  };
}

/** As Go writes maps. */
function sorted<T>(map: Record<string, T> | null | undefined): Record<string, T> | null {
  return map === null || map === undefined ? null : Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unlessEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}
