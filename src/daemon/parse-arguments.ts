/** Reads a command line of flags with the rules and texts of Go's pflag, which dockerd uses. */
import { fail, type EngineError } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { OptionRow } from './option-table.ts';

/** Flag to the values it was given with, in order. */
export type GivenFlags = ReadonlyMap<string, readonly string[]>;

const refuse = (message: string): EngineError => fail('daemon.bad_arguments', { message });

/** @throws daemon.bad_arguments with pflag's texts */
export function parseArguments(args: readonly string[], options: readonly OptionRow[]): GivenFlags {
  const given = new Map<string, string[]>();
  const add = (option: OptionRow, value: string): void => {
    const fault = valueFault(option, value);
    if (fault !== undefined) {
      const name = option.shorthand === undefined ? `--${option.flag}` : `-${option.shorthand}, --${option.flag}`;
      throw refuse(`invalid argument ${quoteText(value)} for "${name}" flag: ${fault}`);
    }
    const values = given.get(option.flag);
    if (values === undefined) given.set(option.flag, [value]);
    else values.push(value);
  };
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--') {
      const [extra] = rest;
      if (extra !== undefined) throw unexpected(extra);
      break;
    }
    if (argument.startsWith('--')) {
      const equals = argument.indexOf('=');
      const name = equals < 0 ? argument.slice(2) : argument.slice(2, equals);
      const option = options.find(({ flag }) => flag === name);
      if (option === undefined) throw refuse(`unknown flag: --${name}`);
      if (equals >= 0) add(option, argument.slice(equals + 1));
      else if (option.kind === 'boolean') add(option, 'true');
      else add(option, rest.shift() ?? missing(`--${name}`));
    } else if (argument.startsWith('-') && argument !== '-') {
      readShorthands(argument.slice(1), rest, { options, add });
    } else {
      throw unexpected(argument);
    }
  }
  return given;
}

function unexpected(_argument: string): EngineError {
  return refuse('"dhowd" accepts no arguments.');
}

function missing(where: string): never {
  throw refuse(`flag needs an argument: ${where}`);
}

function readShorthands(letters: string, rest: string[], { options, add }: { options: readonly OptionRow[]; add: (option: OptionRow, value: string) => void }): void {
  for (let place = 0; place < letters.length; place++) {
    const letter = letters[place] ?? '';
    const option = options.find(({ shorthand }) => shorthand === letter);
    if (option === undefined) throw refuse(`unknown shorthand flag: '${letter}' in -${letters.slice(place)}`);
    const value = letters.slice(place + 1);
    if (value.startsWith('=')) return add(option, value.slice(1));
    if (option.kind === 'boolean') add(option, 'true');
    else return add(option, value === '' ? (rest.shift() ?? missing(`'${letter}' in -${letters.slice(place)}`)) : value);
  }
}

function valueFault(option: OptionRow, value: string): string | undefined {
  if (option.kind === 'boolean' && parseGoBoolean(value) === undefined) return `strconv.ParseBool: parsing ${quoteText(value)}: invalid syntax`;
  if (option.kind === 'integer' && !/^[+-]?\d+$/.test(value)) return `strconv.ParseInt: parsing ${quoteText(value)}: invalid syntax`;
  if (option.kind === 'pairs' && option.fault === undefined && !value.includes('=')) return `invalid argument: ${value}`;
  return option.fault?.(value);
}
