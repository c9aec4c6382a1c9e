/**
 * Docker's CLI plugins: programs `docker-NAME` in known directories that bring a command NAME, such as buildx and compose
 * (docker/cli, cli-plugins). The program takes this process's place and reads the whole command line, global flags included.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure } from '#cli/command-failure.ts';

export interface PluginSearch {
  /** The user's directory, as `--config` or DOCKER_CONFIG names it. */
  readonly directory: string;
  /** `cliPluginsExtraDirs` of config.json. */
  readonly extraDirectories: readonly string[];
}

const commonDirectories = ['/usr/local/lib/docker/cli-plugins', '/usr/local/libexec/docker/cli-plugins', '/usr/lib/docker/cli-plugins', '/usr/libexec/docker/cli-plugins'];
const pluginName = /^[a-z][a-z0-9]*$/;

/** Path of the program that brings a command; undefined: there is none. */
export function findPlugin(name: string, { directory, extraDirectories }: PluginSearch): string | undefined {
  if (!pluginName.test(name)) return undefined;
  return [...extraDirectories, join(directory, 'cli-plugins'), ...commonDirectories].map((place) => join(place, `docker-${name}`)).find(isProgram);
}

/** Does not return. @throws CommandFailure when the program cannot be run */
export function becomePlugin(program: string, words: readonly string[], environment: Readonly<Record<string, string | undefined>>): never {
  const { execve } = process;
  if (execve === undefined) throw new CommandFailure(`${program} cannot be run: this takes Node 24 on Linux`);
  execve.call(process, program, [program, ...words], Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined)));
  throw new CommandFailure(`${program} cannot be run`);
}

function isProgram(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
