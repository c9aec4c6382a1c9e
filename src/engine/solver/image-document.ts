/** The configuration file of a built image, as BuildKit's exporter writes it (OCI image-spec config). */
import type { HistoryRecord } from '#oci/image-configuration.ts';
import type { Platform } from '#oci/platform.ts';
import type { StageDraft } from './stage-draft.ts';

export interface DocumentFacts {
  /** Bottom first. */
  readonly diffIds: readonly string[];
  /** RFC 3339, of the layers the stage made, bottom first. */
  readonly created: readonly string[];
  /** No platform was asked for: the image's own stays. */
  readonly anyPlatform: boolean;
  readonly platform: Platform;
  /** RFC 3339: when all that the build made is said to be made; undefined: when it was. */
  readonly epoch: string | undefined;
}

export function imageDocument(stage: StageDraft, { diffIds, created, anyPlatform, platform, epoch }: DocumentFacts): Buffer {
  const history = datedHistory(stage.history, epoch === undefined ? created : created.map(() => epoch), epoch);
  const { config } = stage;
  const shown = anyPlatform ? stage.platform : platform;
  const document = {
    architecture: shown.architecture,
    author: unlessEmpty(stage.author),
    config: {
      User: unlessEmpty(config.User ?? ''),
      ExposedPorts: sorted(config.ExposedPorts),
      Env: config.Env ?? undefined,
      Entrypoint: unlessBare(config.Entrypoint),
      Cmd: unlessBare(config.Cmd),
      Volumes: sorted(config.Volumes),
      WorkingDir: unlessEmpty(config.WorkingDir ?? ''),
      Labels: sorted(config.Labels),
      StopSignal: config.StopSignal,
      ArgsEscaped: config.ArgsEscaped === true ? true : undefined,
      Healthcheck: config.Healthcheck,
      OnBuild: config.OnBuild ?? undefined,
      Shell: config.Shell,
    },
    created: history.at(-1)?.created,
    history: history.map(({ created: moment, createdBy, comment, author, emptyLayer }) => ({
      created: moment, created_by: unlessEmpty(createdBy), author: unlessEmpty(author), comment: unlessEmpty(comment), empty_layer: emptyLayer ? true : undefined,
    })),
    os: shown.os,
    rootfs: { type: 'layers', diff_ids: diffIds },
    variant: shown.variant,
  };
  return Buffer.from(JSON.stringify(document));
}

/** Steps without a layer are as old as the layer before them, so that the same build gives the same image. */
function datedHistory(history: readonly HistoryRecord[], created: readonly string[], epoch: string | undefined): HistoryRecord[] {
  const own = history.filter(({ emptyLayer, created: moment }) => !emptyLayer && moment === undefined).length;
  let next = created.length - own;
  let last: string | undefined;
  return history.map((record) => {
    const moment: string | undefined = record.created ?? epoch ?? (record.emptyLayer ? last : created[next++]) ?? last;
    last = moment;
    return moment === undefined ? record : { ...record, created: moment };
  });
}

function sorted<T>(map: Record<string, T> | null | undefined): Record<string, T> | undefined {
  return map === null || map === undefined || Object.keys(map).length === 0 ? undefined : Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unlessBare(words: readonly string[] | null | undefined): readonly string[] | undefined {
  return words === null || words === undefined || words.length === 0 ? undefined : words;
}

function unlessEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}
