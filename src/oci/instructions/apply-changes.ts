/**
 * Applies the Dockerfile instructions that `import` and `commit` accept as changes to an image's run
 * configuration. All are checked before the first is applied; texts of failures are Docker's.
 */
import { constants } from 'node:os';
import { posix } from 'node:path';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import { changeError } from './change-error.ts';
import { expandWord, expandWords } from './expand-word.ts';
import { exposedPorts } from './exposed-ports.ts';
import { readHealthcheck } from './healthcheck.ts';
import { splitInstructionLines } from './instruction-lines.ts';
import { parseInstruction, type Instruction } from './instruction.ts';
import { readFlags } from './read-flags.ts';

const accepted = new Set(['cmd', 'entrypoint', 'healthcheck', 'env', 'expose', 'label', 'onbuild', 'stopsignal', 'user', 'volume', 'workdir']);
const defaultShell = ['/bin/sh', '-c'];

/** A configuration in the making. */
export interface Draft {
  readonly config: ImageRuntimeConfig;
  /** A CMD with a command came before: an ENTRYPOINT keeps it. */
  commandSet: boolean;
}

/** Resolve variables and quotes of an argument. */
export interface Expanders {
  readonly word: (text: string) => string;
  readonly words: (text: string) => string[];
}

/** What a checked instruction does. */
export type Step = (draft: Draft, expanders: Expanders) => void;

/** A changed copy of `base`. @throws image.invalid_change */
export function applyChanges(base: ImageRuntimeConfig, changes: readonly string[]): ImageRuntimeConfig {
  const draft: Draft = { config: structuredClone(base), commandSet: false };
  if (changes.length === 0) return draft.config;
  const { lines, escape } = splitInstructionLines(changes.join('\n'));
  const instructions = lines.map((line) => parseInstruction(line, escape));
  for (const { word } of instructions) if (!accepted.has(word.toLowerCase())) throw changeError(`${word} is not a valid change command`);
  for (const step of instructions.map(checkInstruction)) {
    const context = { variables: variablesOf(draft.config.Env ?? []), escape };
    step(draft, { word: (text) => expandWord(text, context), words: (text) => expandWords(text, context) });
  }
  return draft.config;
}

/** Checks an instruction of those that changes can be. @throws image.invalid_change */
export function checkInstruction(instruction: Instruction): Step {
  const word = instruction.word.toLowerCase();
  const { parameters, json } = instruction;
  if (word === 'healthcheck') {
    const health = readHealthcheck(instruction);
    return ({ config }) => void (config.Healthcheck = health);
  }
  // Docker looks at the number of arguments first for these, and at the flags first for CMD and ENTRYPOINT.
  if (word !== 'cmd' && word !== 'entrypoint') checkCount(instruction);
  if (word !== 'stopsignal') readFlags(instruction.flags, []);
  switch (word) {
    case 'env':
      checkNames(parameters, 'ENV');
      return (draft, { word: expand }) => setEnvironment(draft.config, pairs(parameters).map(([name, value]) => [expand(name), expand(value)]));
    case 'label':
      checkNames(parameters, 'LABEL');
      return (draft, { word: expand }) => void (draft.config.Labels = { ...draft.config.Labels, ...Object.fromEntries(pairs(parameters).map(([name, value]) => [expand(name), expand(value)])) });
    case 'expose':
      return (draft, { words }) => {
        const ports = parameters.toSorted().flatMap(words).flatMap(exposedPorts);
        draft.config.ExposedPorts = { ...draft.config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
      };
    case 'user':
      return (draft, { word: expand }) => void (draft.config.User = expand(parameters[0] ?? ''));
    case 'workdir':
      return (draft, { word: expand }) => void (draft.config.WorkingDir = workingDirectory(draft.config.WorkingDir ?? '', expand(parameters[0] ?? '')));
    case 'volume': {
      const paths = parameters.map((path) => path.trim());
      if (paths.includes('')) throw changeError('VOLUME specified can not be an empty string');
      return (draft, { word: expand }) => addVolumes(draft.config, paths.map(expand));
    }
    case 'stopsignal':
      return (draft, { word: expand }) => void (draft.config.StopSignal = checkedSignal(expand(parameters[0] ?? '')));
    case 'onbuild': {
      const expression = onbuildExpression(instruction);
      return (draft) => void (draft.config.OnBuild = [...(draft.config.OnBuild ?? []), expression]);
    }
    case 'cmd':
      return (draft) => {
        draft.config.Cmd = commandLine(draft.config, parameters, json);
        if (parameters.length > 0) draft.commandSet = true;
      };
    default:
      return (draft) => {
        draft.config.Entrypoint = parameters.length === 0 ? null : commandLine(draft.config, parameters, json);
        if (!draft.commandSet) draft.config.Cmd = null;
      };
  }
}

function checkCount({ word, parameters }: Instruction): void {
  const name = word.toUpperCase();
  const exactlyOne = ['USER', 'WORKDIR', 'STOPSIGNAL'].includes(name);
  if (exactlyOne && parameters.length !== 1) throw changeError(`${name} requires exactly one argument`);
  if (!exactlyOne && parameters.length === 0) throw changeError(`${name} requires at least one argument`);
}

function checkNames(parameters: readonly string[], word: string): void {
  if (pairs(parameters).some(([name]) => name === '')) throw changeError(`${word} names can not be blank`);
}

function pairs(parameters: readonly string[]): [string, string][] {
  return parameters.flatMap((name, index) => (index % 2 === 0 ? [[name, parameters[index + 1] ?? ''] as [string, string]] : []));
}

/** The variables of `NAME=value` texts. */
export function variablesOf(environment: readonly string[]): Map<string, string> {
  return new Map(
    environment.map((variable) => {
      const equals = variable.indexOf('=');
      return equals < 0 ? [variable, ''] : [variable.slice(0, equals), variable.slice(equals + 1)];
    }),
  );
}

function setEnvironment(config: ImageRuntimeConfig, variables: readonly (readonly [string, string])[]): void {
  const environment = [...(config.Env ?? [])];
  for (const [name, value] of variables) {
    const known = environment.findIndex((variable) => variable === name || variable.startsWith(`${name}=`));
    if (known < 0) environment.push(`${name}=${value}`);
    else environment[known] = `${name}=${value}`;
  }
  config.Env = environment;
}

function addVolumes(config: ImageRuntimeConfig, paths: readonly string[]): void {
  if (paths.includes('')) throw changeError('VOLUME specified can not be an empty string');
  config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
}

function workingDirectory(current: string, requested: string): string {
  if (requested === '') throw changeError('cannot normalize nothing');
  const path = posix.resolve('/', posix.isAbsolute(requested) ? requested : posix.join('/', current, requested));
  return path;
}

/** Text is for a shell; an array is the command itself. */
function commandLine(config: ImageRuntimeConfig, parameters: readonly string[], json: boolean): string[] {
  if (json) return [...parameters];
  const shell = config.Shell !== undefined && config.Shell.length > 0 ? config.Shell : defaultShell;
  return parameters.length === 0 ? [...shell] : [...shell, parameters.join(' ')];
}

function checkedSignal(text: string): string {
  const known = /^[+-]?\d+$/.test(text) ? Number(text) !== 0 : isSignalName(text.toUpperCase().replace(/^SIG/, ''));
  if (!known) throw changeError(`invalid signal: ${text}`);
  return text;
}

function isSignalName(name: string): boolean {
  if (Object.hasOwn(constants.signals, `SIG${name}`) || name === 'CLD') return true;
  const realTime = /^RTM(IN|AX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime === null) return false;
  const [, end, sign, distance = '0'] = realTime;
  // Names as Docker's table has them: RTMIN … RTMIN+15, RTMAX-14 … RTMAX.
  if (end === 'IN') return sign !== '-' && Number(distance) <= 15;
  return sign !== '+' && Number(distance) <= 14;
}

function onbuildExpression({ parameters, original }: Instruction): string {
  const trigger = (parameters[0] ?? '').trim().toUpperCase();
  if (trigger === 'ONBUILD') throw changeError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === 'MAINTAINER' || trigger === 'FROM') throw changeError(`${trigger} isn't allowed as an ONBUILD trigger`);
  return original.replace(/^\s*ONBUILD\s*/i, '');
}
