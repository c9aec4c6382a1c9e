/** Keeps the choice of a context in the user's `config.json`; all else in it stays as it is. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientConfiguration } from '#cli/configuration/client-configuration.ts';

/** Undefined: the default one. */
export function saveCurrentContext({ directory, file }: ClientConfiguration, name: string | undefined): void {
  if ((file.currentContext ?? '') === (name ?? '')) return;
  const path = join(directory, 'config.json');
  const { currentContext: _before, ...kept } = readWhole(path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}${process.pid}`;
  const whole = { auths: {}, ...kept, ...(name === undefined ? {} : { currentContext: name }) };
  writeFileSync(temporary, JSON.stringify(whole, null, '\t'), { mode: 0o600 });
  renameSync(temporary, path);
}

function readWhole(path: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}
