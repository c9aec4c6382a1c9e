/** The OCI runtimes a daemon offers, by the names clients use. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { runProgram } from '#kernel/run-program.ts';

export interface OciRuntime {
  readonly path: string;
  /** As the program tells it. */
  readonly version: string;
}

const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * `runc` is the name every Docker client knows and means the fastest there is: crun, else runc itself.
 * @param configured `runtimes` of the configuration: name to path of a program or its name
 * @throws runtime.missing when neither is installed
 */
export async function findRuntimes(configured: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Readonly<Record<string, OciRuntime>>> {
  const crun = findProgram('crun');
  const runc = findProgram('runc');
  const standard = crun ?? runc;
  if (standard === undefined) throw fail('runtime.missing');
  const named: Record<string, string> = { runc: standard, 'io.containerd.runc.v2': standard, ...(crun !== undefined && { crun }) };
  for (const [name, program] of Object.entries(configured)) {
    const path = program.startsWith('/') ? program : findProgram(program);
    if (path === undefined) throw fail('runtime.program_missing', { name, program });
    named[name] = path;
  }
  const versions = new Map<string, string>();
  for (const path of new Set(Object.values(named))) versions.set(path, await versionOf(path, signal));
  return Object.fromEntries(Object.entries(named).map(([name, path]) => [name, { path, version: versions.get(path) ?? '' }]));
}

function findProgram(name: string): string | undefined {
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function versionOf(path: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await runProgram(path, ['--version'], { signal });
  return /version:?\s+(\S+)/.exec(stdout)?.[1] ?? '';
}
