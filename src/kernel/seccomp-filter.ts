/**
 * Turns seccomp rules into the kernel's filter program ahead of time, so that starting a container need
 * not: by libseccomp over FFI, once per set of rules, kept on disk. Without libseccomp, or for rules that
 * need the runtime's own handling, there is no program and the runtime compiles the rules itself.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { join } from 'node:path';
import { compileSeccompProgram, seccompLibraryVersion } from './seccomp-compiler.ts';
import type { SeccompRules } from './seccomp-rules.ts';

export interface SeccompFilterCache {
  /** The program in base64; undefined: let the runtime compile the rules. */
  programFor(rules: SeccompRules): string | undefined;
}

const formatVersion = 1;
const rememberedLimit = 64;

/** A cache in `directory`, which is made when needed and must be writable by root alone. */
export function openSeccompFilterCache(directory: string): SeccompFilterCache {
  const remembered = new Map<string, string | undefined>();
  const environment = [formatVersion, seccompLibraryVersion(), release(), arch()];
  return {
    programFor(rules) {
      const text = JSON.stringify([...environment, rules]);
      const key = createHash('sha256').update(text).digest('hex');
      if (remembered.has(key)) return remembered.get(key);
      const path = join(directory, key);
      const program = readKept(path) ?? compileAndKeep(rules, path, directory);
      const oldest = remembered.size >= rememberedLimit ? remembered.keys().next().value : undefined;
      if (oldest !== undefined) remembered.delete(oldest);
      remembered.set(key, program);
      return program;
    },
  };
}

function compileAndKeep(rules: SeccompRules, path: string, directory: string): string | undefined {
  const program = compileSeccompProgram(rules)?.toString('base64');
  if (program === undefined) return undefined;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${checksum(program)}\n${program}`, { mode: 0o600 });
  renameSync(temporary, path);
  return program;
}

/** What was kept, if it is whole: a loss of power can leave a file without its content. */
function readKept(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const end = text.indexOf('\n');
  const program = text.slice(end + 1);
  return end > 0 && text.slice(0, end) === checksum(program) ? program : undefined;
}

function checksum(program: string): string {
  return createHash('sha256').update(program).digest('hex');
}
