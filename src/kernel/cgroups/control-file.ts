/** Reading and writing the small files of a cgroup. Synchronous: each takes microseconds and never blocks. */
import { closeSync, constants, openSync, readFileSync, readdirSync, writeSync } from 'node:fs';
import { fail, messageOf } from '#base/errors/failure.ts';
import { failedWith } from '../failed-with.ts';

/** @throws kernel.cgroup_setting_refused */
export function writeSetting(file: string, value: string | number): void {
  try {
    writeRaw(file, value);
  } catch (error) {
    const reason = messageOf(error).replace(/^[A-Z0-9]+: /, '').replace(/, (open|write).*$/s, '');
    throw fail('kernel.cgroup_setting_refused', { file, value, reason }, error);
  }
}

/** Writes where the file exists. @throws kernel.cgroup_setting_refused */
export function writeSettingIfPresent(file: string, value: string | number): void {
  try {
    writeSetting(file, value);
  } catch (error) {
    if (!(error instanceof Error) || !failedWith(error.cause, 'ENOENT')) throw error;
  }
}

/** @throws the system's error */
export function writeRaw(file: string, value: string | number): void {
  const descriptor = openSync(file, constants.O_WRONLY);
  try {
    writeSync(descriptor, String(value));
  } finally {
    closeSync(descriptor);
  }
}

/** The file's text without the last line's end; undefined when the cgroup or the file is gone. */
export function readSetting(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

/** A number; undefined for a missing file and for the kernel's `max`. */
export function readNumber(file: string): number | undefined {
  const text = readSetting(file);
  return text === undefined || text === '' || text === 'max' ? undefined : Number(text);
}

/** Lines `key value` as a record. */
export function readKeyedNumbers(file: string): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const line of (readSetting(file) ?? '').split('\n')) {
    const [key, value] = line.split(' ');
    if (key !== undefined && value !== undefined) numbers[key] = Number(value);
  }
  return numbers;
}

/** Names of the directories right below; empty when it is gone. */
export function childDirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
