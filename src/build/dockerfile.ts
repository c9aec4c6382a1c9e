/** Reads a Dockerfile into stages of checked commands (Dockerfile reference). Failures have the words of Docker's classic builder. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { checkInstruction, type Step } from '#oci/instructions/apply-changes.ts';
import { parseInstruction, type Instruction } from '#oci/instructions/instruction.ts';
import { meant } from './suggest-name.ts';
import { splitDockerfile, type DockerfileLine, type Heredoc } from './dockerfile-lines.ts';
import { readBuildFlags, type FlagKind } from './build-flags.ts';

export interface Command {
  /** In capitals. */
  readonly word: string;
  /** As it stands in the file, lines joined. */
  readonly source: string;
  readonly parameters: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
  /** Flags that may be given several times. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly heredocs: readonly Heredoc[];
  readonly range: LineRange;
  /** Comment lines right before it. */
  readonly comments: readonly string[];
  /** The arguments were a JSON array. */
  readonly json: boolean;
  /** For what changes the configuration alone. */
  readonly step: Step | undefined;
}

/** Lines of the file, from 1, the last one included. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
}

export interface Stage {
  /** In small letters; empty: it has none. */
  readonly name: string;
  readonly base: string;
  readonly platform: string;
  readonly source: string;
  readonly range: LineRange;
  readonly comments: readonly string[];
  readonly commands: Command[];
}

export interface Dockerfile {
  /** ARGs before the first stage. */
  readonly metaArguments: readonly Command[];
  readonly stages: readonly Stage[];
  readonly escape: string;
  readonly emptyContinuations: readonly (LineRange & { readonly text: string })[];
  /** Value of the directive `check`; empty: none. */
  readonly check: string;
}

const buildKitFlags: Readonly<Record<string, FlagKind>> = { chmod: 'text', link: 'boolean', parents: 'boolean', exclude: 'list' };
const knownFlags: Readonly<Record<string, Readonly<Record<string, FlagKind>>>> = {
  FROM: { platform: 'text' },
  ADD: { chown: 'text', 'keep-git-dir': 'boolean', checksum: 'text', unpack: 'boolean', ...buildKitFlags },
  COPY: { from: 'text', chown: 'text', ...buildKitFlags },
  RUN: { mount: 'list', network: 'text', security: 'text', device: 'list' },
};
const configurationWords: ReadonlySet<string> = new Set(['CMD', 'ENTRYPOINT', 'HEALTHCHECK', 'ENV', 'EXPOSE', 'LABEL', 'ONBUILD', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR']);
const otherWords: ReadonlySet<string> = new Set(['FROM', 'RUN', 'ADD', 'COPY', 'ARG', 'SHELL', 'MAINTAINER']);

/** @throws build.invalid_dockerfile, with the lines in `details.range` where some are to blame */
export function readDockerfile(text: string): Dockerfile {
  const { lines, escape, emptyContinuations, check } = splitDockerfile(text);
  const instructions = lines.map((line) => ({ line, instruction: asFault('failed to parse Dockerfile', rangeOf(line), () => parseInstruction(line.text, escape)) }));
  const metaArguments: Command[] = [];
  const stages: Stage[] = [];
  for (const { line, instruction } of instructions) {
    const at = `dockerfile parse error on line ${line.number}`;
    const command = asFault(at, rangeOf(line), () => checkCommand(instruction, line));
    const stage = stages.at(-1);
    if (command.word === 'FROM') stages.push(asFault(at, rangeOf(line), () => stageOf(command)));
    else if (stage !== undefined) stage.commands.push(command);
    else if (command.word === 'ARG') metaArguments.push(command);
    else throw fault('no build stage in current context', rangeOf(line));
  }
  if (stages.length === 0) throw fault('no build stage in current context', lines[0] === undefined ? undefined : rangeOf(lines[0]));
  return { metaArguments, stages, escape, check, emptyContinuations: emptyContinuations.map(({ line, text: joined }) => ({ start: line, end: line, text: joined })) };
}

function rangeOf({ number, end }: DockerfileLine): LineRange {
  return { start: number, end };
}

/** A trigger an image brings. @throws build.invalid_dockerfile */
export function readTrigger(text: string): { command: Command; escape: string } {
  const { lines, escape } = splitDockerfile(text);
  const line = lines[0] ?? { text: '', number: 1, end: 1, heredocs: [], comments: [] };
  const instruction = asFault('failed to parse Dockerfile', undefined, () => parseInstruction(line.text, escape));
  return { command: asFault('', undefined, () => checkCommand(instruction, line)), escape };
}

/** The trigger of an ONBUILD, with its here-documents. */
export function triggerText({ source, heredocs }: Command): string {
  return [source.replace(/^onbuild\s+/i, ''), ...heredocs.map(({ name, content }) => content + name)].join('\n');
}

export function labelCommand(name: string, value: string): Command {
  const instruction: Instruction = { word: 'LABEL', flags: [], parameters: [name, value], json: false, original: `LABEL ${name}=${value}` };
  // Given from outside, the label is as it is: nothing in it is to be resolved.
  const step: Step = ({ config }) => void (config.Labels = { ...config.Labels, [name]: value });
  return { word: 'LABEL', source: instruction.original, parameters: [name, value], flags: new Map([['verbatim', 'true']]), lists: new Map(), heredocs: [], range: { start: 0, end: 0 }, comments: [], json: false, step };
}

function checkCommand(instruction: Instruction, line: DockerfileLine): Command {
  const word = instruction.word.toUpperCase();
  const { parameters, json } = instruction;
  const place = { source: instruction.original.trim(), heredocs: line.heredocs, range: rangeOf(line), comments: line.comments };
  if (word === 'ONBUILD') return { word, ...place, parameters, flags: new Map(), lists: new Map(), json, step: checkInstruction({ ...instruction, original: [instruction.original, ...line.heredocs.map(({ name, content }) => content + name)].join('\n') }) };
  if (configurationWords.has(word)) return { word, ...place, parameters, flags: new Map(), lists: new Map(), json, step: checkInstruction(instruction) };
  if (!otherWords.has(word)) throw new Error(`unknown instruction: ${instruction.word}${meant(word, [...configurationWords, ...otherWords])}`);
  if (word === 'FROM' && parameters.length !== 1 && !(parameters.length === 3 && parameters[1]?.toUpperCase() === 'AS')) throw new Error('FROM requires either one or three arguments');
  if ((word === 'ADD' || word === 'COPY') && parameters.length < 2) {
    throw new Error(parameters.length === 0 && json ? `${word} requires at least two arguments, but no arguments were provided` : `${word} requires at least two arguments, but only one was provided. Destination could not be determined`);
  }
  if (word === 'ARG' && parameters.length === 0) throw new Error('ARG requires at least one argument');
  if (word === 'ARG' && parameters.some((parameter) => parameter.startsWith('='))) throw new Error('ARG names can not be blank');
  if (word === 'MAINTAINER' && parameters.length !== 1) throw new Error('MAINTAINER requires exactly one argument');
  const { values: flags, lists } = readBuildFlags(instruction.flags, knownFlags[word] ?? {});
  if (word === 'SHELL' && !json) throw new Error('SHELL requires the arguments to be in JSON form');
  if (word === 'SHELL' && parameters.length === 0) throw new Error('SHELL requires at least one argument');
  return { word, ...place, parameters, flags, lists, json, step: undefined };
}

function stageOf({ parameters, flags, source, range, comments }: Command): Stage {
  const [base = '', , given = ''] = parameters;
  const name = given.toLowerCase();
  if (name !== '' && !/^[a-z][a-z0-9-_.]*$/.test(name)) throw new Error(`invalid name for build stage: ${quoteText(given)}, name can't start with a number or contain symbols`);
  return { name, base, platform: flags.get('platform') ?? '', source, range, comments, commands: [] };
}

function asFault<T>(context: string, range: LineRange | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error) || (error.name !== 'Error' && !isFailure(error, 'image.invalid_change'))) throw error;
    throw fault(context === '' ? error.message : `${context}: ${error.message}`, range, error);
  }
}

function fault(message: string, range: LineRange | undefined, cause?: unknown): Error {
  return fail('build.invalid_dockerfile', { message, ...(range === undefined ? {} : { range }) }, cause);
}
