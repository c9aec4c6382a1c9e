/** The options for containers that say nothing themselves. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base/errors/failure.ts';
import type { SeccompDefault } from '#engine/engine-configuration.ts';
import type { Ulimit } from '#schema/container-config.ts';
import { invalid, isRecord, valueOf, type Refusal } from './option-refusal.ts';
import type { OptionValues } from './option-sources.ts';
import { readUlimit, ulimitFault } from './option-values.ts';
import type { DaemonOptions } from './options.ts';

const standardDeviceDirectories = ['/etc/cdi', '/var/run/cdi'];

/** Of the Container Device Interface; one that is empty stands for none, as with dockerd. */
export function deviceDirectoriesOf(given: readonly string[]): readonly string[] {
  return given.length === 0 ? standardDeviceDirectories : given.filter((directory) => directory !== '');
}

/** @throws daemon.bad_configuration */
export function defaultModes(values: OptionValues, merged: Refusal): Pick<DaemonOptions, 'ipcMode' | 'cgroupnsMode'> {
  const ipcMode = values.text('default-ipc-mode') ?? 'private';
  if (ipcMode !== 'private' && ipcMode !== 'shareable') {
    const known = ['none', 'host'].includes(ipcMode) || ipcMode.startsWith('container:');
    throw merged(known ? `IPC mode "${ipcMode}" is not supported as default value; use "shareable" or "private"` : `default IPC mode setting (${ipcMode}) is invalid; use "shareable" or "private"`);
  }
  const cgroupnsMode = values.text('default-cgroupns-mode');
  if (cgroupnsMode !== undefined && cgroupnsMode !== 'private' && cgroupnsMode !== 'host') throw merged(`invalid default cgroup namespace (${cgroupnsMode}): use "host" or "private"`);
  return { ipcMode, cgroupnsMode };
}

/** @throws daemon.invalid_option */
export function ulimitsOf(values: OptionValues): Ulimit[] {
  const directives = values.fromFile('default-ulimit');
  if (!isRecord<Ulimit>(directives)) return values.given('default-ulimit').map((text) => valueOf(readUlimit(text), invalid));
  return Object.entries(directives).map(([name, limit]) => {
    // Docker goes by the name within.
    const fault = ulimitFault(limit);
    if (fault !== undefined) throw invalid(`invalid default-ulimits entry ${name}: ${fault}`);
    return limit;
  });
}

/** @throws daemon.invalid_option where there is no such file */
export function initPathOf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const found = path.startsWith('/') ? [path] : (process.env['PATH'] ?? '').split(':').map((directory) => join(directory, path));
  const program = found.find((candidate) => existsSync(candidate));
  if (program === undefined) throw invalid(`init-path ${path} is not there: name the program of an init, such as /usr/bin/tini, or leave the option out`);
  return program;
}

/** @throws daemon.invalid_option with dockerd's text */
export function seccompOf(profile: string | undefined): SeccompDefault {
  if (profile === undefined || profile === 'builtin') return { name: 'builtin', text: undefined };
  if (profile === 'unconfined') return { name: profile, text: undefined };
  let content: string;
  try {
    content = readFileSync(profile, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error && error.code === 'ENOENT' ? `open ${profile}: no such file or directory` : messageOf(error);
    throw invalid(`opening seccomp profile (${profile}) failed: ${reason}`);
  }
  try {
    JSON.parse(content);
  } catch (error) {
    throw invalid(`seccomp profile (${profile}) is no JSON: ${messageOf(error)}`);
  }
  return { name: profile, text: content };
}
