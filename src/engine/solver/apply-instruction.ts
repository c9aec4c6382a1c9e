/** What an instruction does to its stage: a change of the configuration, or a node over the file system so far. */
import { posix } from 'node:path';
import { fail, isFailure } from '#base/errors/failure.ts';
import { quoteList, quoteText } from '#base/template/go-quote.ts';
import { formatGoDuration } from '#base/go-duration-text.ts';
import { exposedPorts } from '#oci/instructions/exposed-ports.ts';
import type { Expanders } from '#oci/instructions/apply-changes.ts';
import { expandersOf, shownText, type Application } from './application.ts';
import { buildNode } from './build-node.ts';
import { checkInstruction } from './check-instruction.ts';
import { applyCopy } from './copy-instruction.ts';
import { splitArgument, stepName } from './plan-context.ts';
import { applyRun } from './run-instruction.ts';

/** @throws build.solve_failed, image.invalid_change */
export function applyInstruction(application: Application): void {
  const { command, draft } = application;
  checkInstruction(application);
  switch (command.word) {
    case 'RUN':
      return applyRun(application);
    case 'COPY':
    case 'ADD':
      return applyCopy(application);
    case 'WORKDIR':
      return changeDirectory(application);
    case 'ARG':
      return declare(application);
    case 'MAINTAINER':
      draft.author = command.parameters[0] ?? '';
      return draft.record(`MAINTAINER ${draft.author}`, { layer: false });
    case 'SHELL':
      draft.config.Shell = [...command.parameters];
      return draft.record(`SHELL [${command.parameters.join(' ')}]`, { layer: false });
    default:
      return configure(application);
  }
}

/** Instructions that change the configuration alone. */
function configure(application: Application): void {
  const { command, draft } = application;
  const { word, parameters } = command;
  const expanders = expandersOf(application);
  const expanded = word === 'ENV' || word === 'LABEL' || word === 'USER' || word === 'VOLUME' || word === 'STOPSIGNAL' ? parameters.map(expanders.word) : parameters;
  if (word === 'EXPOSE') checkProtocols(parameters, expanders);
  command.step?.(draft.draft, expanders);
  const { config } = draft;
  const comment = (): string | undefined => {
    switch (word) {
      case 'ENV':
        for (const [name, value] of pairs(expanded)) draft.environment.set(name, value);
        return `ENV ${pairs(expanded).map(([name, value]) => `${name}=${value}`).join(' ')}`;
      case 'LABEL':
        return `LABEL ${pairs(expanded).map(([name, value]) => `${name}=${value}`).join(' ')}`;
      case 'CMD':
        if (!command.json && parameters.length === 0) config.Cmd = [...draft.shell, ''];
        config.ArgsEscaped = true;
        return `CMD ${quoteList(config.Cmd)}`;
      case 'ENTRYPOINT':
        if (!command.json && parameters.length === 0) config.Entrypoint = [...draft.shell, ''];
        return `ENTRYPOINT ${quoteList(config.Entrypoint)}`;
      case 'HEALTHCHECK': {
        const { Test, Interval, Timeout, StartPeriod, StartInterval, Retries } = config.Healthcheck ?? {};
        const time = (value: number | undefined): string => quoteText(formatGoDuration(value ?? 0));
        return `HEALTHCHECK &{${quoteList(Test)} ${time(Interval)} ${time(Timeout)} ${time(StartPeriod)} ${time(StartInterval)} ${quotedRune(Retries ?? 0)}}`;
      }
      case 'EXPOSE':
        return `EXPOSE [${exposedNow(parameters, expanders).join(' ')}]`;
      case 'VOLUME':
        return `VOLUME [${expanded.join(' ')}]`;
      case 'ONBUILD':
        return undefined;
      default:
        return `${word} ${expanded.join(' ')}`;
    }
  };
  const text = comment();
  if (text !== undefined) draft.record(text, { layer: false });
}

/** @throws build.solve_failed: BuildKit names the whole port where its protocol is none */
function checkProtocols(parameters: readonly string[], { words }: Expanders): void {
  for (const port of parameters.toSorted().flatMap(words)) {
    try {
      exposedPorts(port);
    } catch (error) {
      if (!isFailure(error, 'image.invalid_change') || !error.message.startsWith('Invalid proto: ')) throw error;
      throw fail('build.solve_failed', { message: `invalid port: ${quoteText(port)}: ${error.message.replace(/^I/, 'i')}` }, error);
    }
  }
}

/** Ports of one EXPOSE as the configuration names them. */
function exposedNow(parameters: readonly string[], { words }: Expanders): string[] {
  return parameters.toSorted().flatMap(words).flatMap(exposedPorts);
}

function declare(application: Application): void {
  const { command, draft, context } = application;
  const { buildArguments } = context.options;
  const words = command.parameters.map((parameter) => {
    const { name, fallback } = splitArgument(parameter);
    const given = buildArguments.get(name);
    const value = given ?? (fallback === undefined ? context.globals.get(name) : expandersOf(application).word(fallback));
    if (value !== undefined) draft.environment.set(name, value);
    draft.arguments.push({ name, value });
    return value === undefined ? name : `${name}=${value}`;
  });
  draft.record(`ARG ${words.join(' ')}`, { layer: false });
}

function changeDirectory(application: Application): void {
  const { command, draft, planned, trigger, fresh } = application;
  const asked = expandersOf(application).word(command.parameters[0] ?? '');
  // An absolute path stays as it is written, an empty one changes nothing.
  if (asked.startsWith('/')) draft.config.WorkingDir = asked;
  else if (asked !== '') command.step?.(draft.draft, expandersOf(application));
  else draft.config.WorkingDir = draft.directory;
  draft.directorySet = true;
  const path = draft.directory;
  const layer = path !== '/';
  if (layer) {
    draft.node = buildNode({ kind: 'directory', name: stepName(planned, shownText(application), { trigger }), inputs: [draft.node], range: command.range, fresh, path: posix.normalize(path), user: draft.config.User ?? '' });
  }
  draft.record(`WORKDIR ${path}`, { layer });
}

function pairs(words: readonly string[]): [string, string][] {
  return words.flatMap((name, index) => (index % 2 === 0 ? [[name, words[index + 1] ?? ''] as [string, string]] : []));
}

/** Go's `%q` of a number: the character it stands for. */
function quotedRune(code: number): string {
  const named: Readonly<Record<number, string>> = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 39: "\\'", 92: '\\\\' };
  const plain = code < 32 || code === 127 ? `\\x${code.toString(16).padStart(2, '0')}` : String.fromCodePoint(Math.min(code, 0x10ffff));
  return `'${named[code] ?? plain}'`;
}
