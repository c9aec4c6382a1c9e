/** The OCI runtimes a daemon offers, by the names clients use. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import type { OciRuntime } from '#engine/engine-configuration.ts';
import { findProgram } from '#kernel/find-program.ts';
import { runProgram } from '#kernel/run-program.ts';
import type { RuntimeOption } from './runtime-options.ts';

export interface RuntimePlace {
  /** For the scripts that call programs with their arguments. */
  readonly directory: string;
  /** Told of programs that cannot be asked: containers find out the rest. */
  readonly warn: (message: string) => void;
}

/**
 * `runc` is the name every Docker client knows and means the fastest there is: crun, else runc itself.
 * @param configured `runtimes` of the configuration by name
 * @throws runtime.missing when neither is installed
 */
export async function findRuntimes(configured: Readonly<Record<string, RuntimeOption>>, place: RuntimePlace, signal: AbortSignal): Promise<Readonly<Record<string, OciRuntime>>> {
  const crun = findProgram('crun');
  const runc = findProgram('runc');
  const standard = crun ?? runc;
  if (standard === undefined) throw fail('runtime.missing');
  const named: Record<string, RuntimeOption> = {
    runc: { path: standard, arguments: [] },
    'io.containerd.runc.v2': { path: standard, arguments: [] },
    ...(crun !== undefined && { crun: { path: crun, arguments: [] } }),
  };
  for (const [name, option] of Object.entries(configured)) named[name] = { ...option, path: option.path.startsWith('/') ? option.path : (findProgram(option.path) ?? option.path) };
  const answers = new Map<string, string>();
  for (const path of new Set(Object.values(named).map((option) => option.path))) {
    try {
      answers.set(path, (await runProgram(path, ['--version'], { signal })).stdout);
    } catch (error) {
      signal.throwIfAborted();
      place.warn(`OCI runtime ${path} cannot be run, and no container with it: ${messageOf(error)}`);
    }
  }
  return Object.fromEntries(Object.entries(named).map(([name, option]) => {
    const answer = answers.get(option.path) ?? '';
    return [name, { path: callable(name, option, place), program: option.path, arguments: option.arguments, version: versionIn(answer), crun: answer.startsWith('crun ') }];
  }));
}

/** The program itself, or a script that calls it with its arguments. */
function callable(name: string, option: RuntimeOption, { directory }: RuntimePlace): string {
  if (option.arguments.length === 0) return option.path;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const script = join(directory, `${encodeURIComponent(name)}.${basename(option.path)}`);
  const words = [option.path, ...option.arguments].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const draft = `${script}.${process.pid}`;
  writeFileSync(draft, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o700 });
  renameSync(draft, script);
  return script;
}

/** In what a runtime answers to `--version`. */
function versionIn(answer: string): string {
  return /version:?\s+(\S+)/.exec(answer)?.[1] ?? '';
}
