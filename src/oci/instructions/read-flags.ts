/** Flags of an instruction, `--name=value`. */
import { changeError } from './change-error.ts';

/** @param known the names that are allowed, each once with a value. @throws image.invalid_change */
export function readFlags(flags: readonly string[], known: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const flag of flags) {
    const equals = flag.indexOf('=');
    const name = (equals < 0 ? flag : flag.slice(0, equals)).slice(2);
    if (!known.includes(name)) throw changeError(`unknown flag: --${name}`);
    if (values.has(name)) throw changeError(`duplicate flag specified: --${name}`);
    if (equals < 0) throw changeError(`missing a value on flag: --${name}`);
    values.set(name, flag.slice(equals + 1));
  }
  return values;
}
