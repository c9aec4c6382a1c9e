/** The registry server's program beside this one, and how Node runs it. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What a request leaves behind dies young: a small nursery keeps the memory small at no cost in time. */
export const serverNodeOptions: readonly string[] = ['--max-semi-space-size=1'];

/** The C library keeps a heap per thread else, most of each unused. Threads that wait for the disk must leave some to write. */
export const serverEnvironment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '8' };

/** The bundle, which needs nothing but Node; undefined where it has not been made. */
export function serverBundle(): string | undefined {
  return beside(join('build', 'registry-server.cjs'));
}

/** What to run: the sources when this program runs from them, else the bundle. */
export function serverProgram(): string | undefined {
  const fromSources = basename(process.argv[1] ?? '') === 'dhow.mjs' ? beside(join('bin', 'dhow-registry.mjs')) : undefined;
  return fromSources ?? serverBundle() ?? beside(join('bin', 'dhow-registry.mjs'));
}

function beside(name: string): string | undefined {
  const script = process.argv[1];
  if (script === undefined) return undefined;
  for (let directory = dirname(script); directory !== dirname(directory); directory = dirname(directory)) {
    const candidate = join(directory, name);
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
