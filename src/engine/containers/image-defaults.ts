/** How an image's configuration fills what the caller left open at create: Docker's `merge`. Pure. */
import { fail } from '#base/errors/failure.ts';
import type { ContainerConfig, HealthConfig } from '#schema/container-config.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';

export function withImageDefaults(config: ContainerConfig, image: ImageRuntimeConfig): ContainerConfig {
  const merged: ContainerConfig = { ...config };
  if (merged.User === '') merged.User = image.User ?? '';
  if (image.ExposedPorts !== undefined && Object.keys(image.ExposedPorts).length > 0) merged.ExposedPorts = { ...image.ExposedPorts, ...merged.ExposedPorts };
  merged.Env = mergeEnvironment(merged.Env ?? [], image.Env ?? []);
  merged.Labels = { ...image.Labels, ...merged.Labels };
  const [entrypoint, command] = mergeCommand(merged, image);
  merged.Entrypoint = entrypoint;
  merged.Cmd = command;
  const health = mergeHealthcheck(merged.Healthcheck, image.Healthcheck);
  if (health !== undefined) merged.Healthcheck = health;
  if (merged.WorkingDir === '') merged.WorkingDir = image.WorkingDir ?? '';
  const volumes = { ...image.Volumes, ...merged.Volumes };
  merged.Volumes = Object.keys(volumes).length > 0 ? volumes : null;
  if ((merged.StopSignal ?? '') === '' && image.StopSignal !== undefined && image.StopSignal !== '') merged.StopSignal = image.StopSignal;
  if (merged.Shell === undefined && image.Shell !== undefined) merged.Shell = image.Shell;
  if (image.ArgsEscaped === true && config.Cmd === null) merged.ArgsEscaped = true;
  return merged;
}

/** The caller's variables first, then the image's whose names the caller did not give. */
function mergeEnvironment(own: readonly string[], image: readonly string[]): string[] {
  const names = new Set(own.map(variableName));
  return [...own, ...image.filter((variable) => !names.has(variableName(variable)))];
}

function variableName(variable: string): string {
  const equals = variable.indexOf('=');
  return equals < 0 ? variable : variable.slice(0, equals);
}

/** The image's command is dropped with its entrypoint replaced; an entrypoint of one empty string means none. */
function mergeCommand(config: ContainerConfig, image: ImageRuntimeConfig): [entrypoint: string[] | null, command: string[] | null] {
  if (config.Entrypoint !== null && config.Entrypoint.length > 0) return config.Entrypoint.length === 1 && config.Entrypoint[0] === '' ? [null, config.Cmd] : [config.Entrypoint, config.Cmd];
  const command = config.Cmd === null || config.Cmd.length === 0 ? (image.Cmd ?? null) : config.Cmd;
  return [config.Entrypoint ?? image.Entrypoint ?? null, command];
}

function mergeHealthcheck(own: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (own === undefined || image === undefined) return own ?? image;
  const merged: HealthConfig = { ...image };
  if (own.Test !== undefined && own.Test.length > 0) merged.Test = own.Test;
  if ((own.Interval ?? 0) !== 0) merged.Interval = own.Interval ?? 0;
  if ((own.Timeout ?? 0) !== 0) merged.Timeout = own.Timeout ?? 0;
  if ((own.StartPeriod ?? 0) !== 0) merged.StartPeriod = own.StartPeriod ?? 0;
  if ((own.StartInterval ?? 0) !== 0) merged.StartInterval = own.StartInterval ?? 0;
  if ((own.Retries ?? 0) !== 0) merged.Retries = own.Retries ?? 0;
  return merged;
}

/** Path and arguments of the process. @throws container.no_command */
export function processOf(config: ContainerConfig): { path: string; args: string[] } {
  const words = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  const [path, ...args] = words;
  if (path === undefined) throw fail('container.no_command');
  return { path, args };
}
