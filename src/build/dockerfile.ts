/** Reads a Dockerfile into stages of checked commands (Dockerfile reference). Failures have the words of Docker's classic builder. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { checkInstruction, type Step } from '#oci/instructions/apply-changes.ts';
import { parseInstruction, type Instruction } from '#oci/instructions/instruction.ts';
import { splitDockerfile } from './dockerfile-lines.ts';
import { readBuildFlags, type FlagKind } from './build-flags.ts';

export interface Command {
  /** In capitals. */
  readonly word: string;
  /** As it stands in the file, lines joined. */
  readonly source: string;
  readonly parameters: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
  /** The arguments were a JSON array. */
  readonly json: boolean;
  /** For what changes the configuration alone. */
  readonly step: Step | undefined;
}

export interface Stage {
  /** In small letters; empty: it has none. */
  readonly name: string;
  readonly base: string;
  readonly platform: string;
  readonly source: string;
  readonly commands: Command[];
}

export interface Dockerfile {
  /** ARGs before the first stage. */
  readonly metaArguments: readonly Command[];
  readonly stages: readonly Stage[];
  readonly escape: string;
}

const buildKitFlags: Readonly<Record<string, FlagKind>> = { chmod: 'text', link: 'boolean', parents: 'boolean', exclude: 'list' };
const knownFlags: Readonly<Record<string, Readonly<Record<string, FlagKind>>>> = {
  FROM: { platform: 'text' },
  ADD: { chown: 'text', 'keep-git-dir': 'boolean', checksum: 'text', ...buildKitFlags },
  COPY: { from: 'text', chown: 'text', ...buildKitFlags },
  RUN: { mount: 'list', network: 'text', security: 'text', device: 'list' },
};
const configurationWords: ReadonlySet<string> = new Set(['CMD', 'ENTRYPOINT', 'HEALTHCHECK', 'ENV', 'EXPOSE', 'LABEL', 'ONBUILD', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR']);
const otherWords: ReadonlySet<string> = new Set(['FROM', 'RUN', 'ADD', 'COPY', 'ARG', 'SHELL', 'MAINTAINER']);

/** @throws build.invalid_dockerfile */
export function readDockerfile(text: string): Dockerfile {
  const { lines, escape } = splitDockerfile(text);
  const instructions = lines.map(({ text: line, number }) => ({ number, instruction: asFault('failed to parse Dockerfile', () => parseInstruction(line, escape)) }));
  const metaArguments: Command[] = [];
  const stages: Stage[] = [];
  for (const { number, instruction } of instructions) {
    const at = `dockerfile parse error on line ${number}`;
    const command = asFault(at, () => checkCommand(instruction));
    const stage = stages.at(-1);
    if (command.word === 'FROM') stages.push(asFault(at, () => stageOf(command)));
    else if (stage !== undefined) stage.commands.push(command);
    else if (command.word === 'ARG') metaArguments.push(command);
    else throw fault('no build stage in current context');
  }
  if (stages.length === 0) throw fault('no build stage in current context');
  return { metaArguments, stages, escape };
}

/** A trigger an image brings. @throws build.invalid_dockerfile */
export function readTrigger(text: string): { command: Command; escape: string } {
  const { lines, escape } = splitDockerfile(text);
  const instruction = asFault('failed to parse Dockerfile', () => parseInstruction(lines[0]?.text ?? '', escape));
  return { command: asFault('', () => checkCommand(instruction)), escape };
}

export function labelCommand(name: string, value: string): Command {
  const instruction: Instruction = { word: 'LABEL', flags: [], parameters: [name, value], json: false, original: `LABEL ${name}=${value}` };
  // Given from outside, the label is as it is: nothing in it is to be resolved.
  const step: Step = ({ config }) => void (config.Labels = { ...config.Labels, [name]: value });
  return { word: 'LABEL', source: instruction.original, parameters: [name, value], flags: new Map([['verbatim', 'true']]), json: false, step };
}

function checkCommand(instruction: Instruction): Command {
  const word = instruction.word.toUpperCase();
  const { parameters, json } = instruction;
  const source = instruction.original.trim();
  if (configurationWords.has(word)) return { word, source, parameters, flags: new Map(), json, step: checkInstruction(instruction) };
  if (!otherWords.has(word)) throw new Error(`unknown instruction: ${instruction.word}`);
  if (word === 'FROM' && parameters.length !== 1 && !(parameters.length === 3 && parameters[1]?.toUpperCase() === 'AS')) throw new Error('FROM requires either one or three arguments');
  if ((word === 'ADD' || word === 'COPY') && parameters.length < 2) {
    throw new Error(parameters.length === 0 ? `${word} requires at least two arguments, but no arguments were provided` : `${word} requires at least two arguments, but only one was provided. Destination could not be determined`);
  }
  if (word === 'ARG' && parameters.length === 0) throw new Error('ARG requires at least one argument');
  if (word === 'ARG' && parameters.some((parameter) => parameter.startsWith('='))) throw new Error('ARG names can not be blank');
  if (word === 'MAINTAINER' && parameters.length !== 1) throw new Error('MAINTAINER requires exactly one argument');
  const flags = readBuildFlags(instruction.flags, knownFlags[word] ?? {});
  if (word === 'SHELL' && !json) throw new Error('SHELL requires the arguments to be in JSON form');
  if (word === 'SHELL' && parameters.length === 0) throw new Error('SHELL requires at least one argument');
  return { word, source, parameters, flags, json, step: undefined };
}

function stageOf({ parameters, flags, source }: Command): Stage {
  const [base = '', , given = ''] = parameters;
  const name = given.toLowerCase();
  if (name !== '' && !/^[a-z][a-z0-9-_.]*$/.test(name)) throw new Error(`invalid name for build stage: ${quoteText(given)}, name can't start with a number or contain symbols`);
  return { name, base, platform: flags.get('platform') ?? '', source, commands: [] };
}

function asFault<T>(context: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error) || (error.name !== 'Error' && !isFailure(error, 'image.invalid_change'))) throw error;
    throw fault(context === '' ? error.message : `${context}: ${error.message}`, error);
  }
}

function fault(message: string, cause?: unknown): Error {
  return fail('build.invalid_dockerfile', { message }, cause);
}
