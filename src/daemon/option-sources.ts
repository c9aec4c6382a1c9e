/** Options by flag, whichever way they were given: on the command line, or in the configuration file. */
import { parseGoBoolean } from '#base/go-boolean.ts';
import type { FileValues } from './configuration-file.ts';
import { optionTable, type OptionRow } from './option-table.ts';
import type { GivenFlags } from './parse-arguments.ts';

export class OptionValues {
  readonly #given: GivenFlags;
  readonly #file: FileValues;

  constructor(given: GivenFlags, file: FileValues) {
    this.#given = given;
    this.#file = file;
  }

  /** undefined where empty, too. */
  text(flag: string): string | undefined {
    const value = this.#given.get(flag)?.at(-1) ?? this.fromFile(flag);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  flag(flag: string, standard = false): boolean {
    const given = this.#given.get(flag)?.at(-1);
    const value = given === undefined ? this.fromFile(flag) : parseGoBoolean(given);
    return typeof value === 'boolean' ? value : standard;
  }

  integer(flag: string): number | undefined {
    const given = this.#given.get(flag)?.at(-1);
    const value = given === undefined ? this.fromFile(flag) : Number(given);
    return typeof value === 'number' ? value : undefined;
  }

  list(flag: string): readonly string[] {
    const given = this.#given.get(flag);
    if (given !== undefined) return given;
    const value = this.fromFile(flag);
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** A list of key=value, or an object of the file; a key without value has an empty one. */
  pairs(flag: string): Record<string, string> {
    const given = this.#given.get(flag);
    if (given !== undefined) {
      return Object.fromEntries(given.map((pair) => {
        const equals = pair.indexOf('=');
        return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
      }));
    }
    const value = this.fromFile(flag);
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)])) : {};
  }

  /** As given on the command line only. */
  given(flag: string): readonly string[] {
    return this.#given.get(flag) ?? [];
  }

  fromFile(flag: string): unknown {
    const option = optionTable.find((candidate) => candidate.flag === flag);
    return option?.key === undefined ? undefined : this.#file[option.key];
  }

  isGiven(option: OptionRow): boolean {
    return this.#given.has(option.flag) || (option.key !== undefined && this.#file[option.key] !== undefined);
  }
}
