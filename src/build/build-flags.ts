import { meant } from './suggest-name.ts';

/** Flags of a build instruction: with a value, without one, or given several times. */
export type FlagKind = 'text' | 'boolean' | 'list';

/** `values`: by name, of those given several times the last; `lists`: all of those that may be given several times. @throws Error with Docker's text */
export function readBuildFlags(flags: readonly string[], known: Readonly<Record<string, FlagKind>>): { values: Map<string, string>; lists: Map<string, string[]> } {
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();
  for (const flag of flags) {
    const equals = flag.indexOf('=');
    const name = (equals < 0 ? flag : flag.slice(0, equals)).slice(2);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw new Error(`unknown flag: --${name}${meant(name, Object.keys(known))}`);
    if (values.has(name) && kind !== 'list') throw new Error(`duplicate flag specified: --${name}`);
    if (equals < 0 && kind !== 'boolean') throw new Error(`missing a value on flag: --${name}`);
    const value = equals < 0 ? 'true' : flag.slice(equals + 1);
    if (kind === 'boolean' && value === '') throw new Error(`missing a value on flag: --${name}`);
    if (kind === 'boolean' && !['true', 'false'].includes(value.toLowerCase())) throw new Error(`expecting boolean value for flag --${name}, not: ${value}`);
    values.set(name, kind === 'boolean' ? value.toLowerCase() : value);
    if (kind === 'list') lists.set(name, [...(lists.get(name) ?? []), flag.slice(equals + 1)]);
  }
  return { values, lists };
}
