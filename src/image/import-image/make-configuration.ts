/** Writes the configuration file of an image of our own making, in the shape and key order of Docker's. */
import type { ImageRuntimeConfig } from '#schema/image-views.ts';

export interface NewImage {
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly os: string;
  /** RFC 3339. */
  readonly created: string;
  readonly comment: string;
  readonly engineVersion: string;
  readonly config: ImageRuntimeConfig;
  /** Bottom first. */
  readonly diffIds: readonly string[];
  readonly history: readonly object[];
}

export function makeConfiguration(image: NewImage): Buffer {
  const document = {
    architecture: image.architecture,
    comment: image.comment === '' ? undefined : image.comment,
    config: containerConfig(image.config),
    container_config: containerConfig({}),
    created: image.created,
    docker_version: image.engineVersion,
    history: image.history,
    os: image.os,
    rootfs: { type: 'layers', diff_ids: image.diffIds },
    variant: image.variant,
  };
  return Buffer.from(JSON.stringify(document));
}

/** Docker keeps the whole configuration of a container here; what an image cannot have is empty. */
function containerConfig(config: ImageRuntimeConfig): object {
  return {
    Hostname: '',
    Domainname: '',
    User: config.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: config.ExposedPorts,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    Healthcheck: config.Healthcheck,
    Image: '',
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: config.Labels ?? null,
    StopSignal: config.StopSignal,
    Shell: config.Shell,
  };
}
