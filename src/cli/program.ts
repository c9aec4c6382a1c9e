/** Runs the program: global flags, the command they precede, its help, its errors. Gives the exit code. */
import { CommandFailure } from './command-failure.ts';
import type { Command, CommandNode, Invocation } from './command.ts';
import type { Completion } from './completion/complete-words.ts';
import { errorText } from './error-text.ts';
import { childNamed, findCommand, groupFlags, GroupFlagFailure, type FoundCommand } from './find-command.ts';
import type { FlagValues } from './flag.ts';
import { helpText, usageLine } from './help.ts';
import { Terminated } from './interruption.ts';
import { parseFlags } from './parse-flags.ts';
import { rootFlags, tlsFiles, type RootFlags } from './root-flags.ts';
import { Session } from './session.ts';
import { Output } from './streams/output.ts';
import { offeredChildren, offeredFlags, refusalOf } from './support.ts';
import { versionLine } from './version.ts';

export interface ProgramOptions {
  /** The name the user called: `docker` or `dhow`. */
  readonly program: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly root: CommandNode;
}

const logLevels = new Set(['panic', 'fatal', 'error', 'warn', 'warning', 'info', 'debug', 'trace']);

export async function runProgram(options: ProgramOptions): Promise<number> {
  const order = { last: Promise.resolve() };
  const stdout = new Output(1, order);
  const stderr = new Output(2, order);
  try {
    return await runWords(options, stdout, stderr);
  } catch (error) {
    if (error instanceof Terminated) return error.exitCode;
    await order.last;
    const text = errorText(error);
    if (text !== '') stderr.writeLine(text);
    return error instanceof CommandFailure ? error.exitCode : 1;
  }
}

async function runWords(options: ProgramOptions, stdout: Output, stderr: Output): Promise<number> {
  const { program, words, environment, root } = options;
  const declared = rootFlags(environment);
  const globals = readFlags(declared, words, { path: [program], interspersed: false, warn: (line) => stderr.writeLine(line) });
  // What commands' flags warn of goes where their help goes.
  const warn = (line: string): void => stdout.writeLine(line);
  // The declaration above is what was parsed, so the values have its types.
  const values = globals.values as FlagValues<RootFlags>;
  if (!logLevels.has(values['log-level'].toLowerCase()) && values['log-level'] !== '') throw new CommandFailure(`Unable to parse logging level: ${values['log-level']}`);
  if (values.context !== '' && values.host.length > 0) throw new CommandFailure('conflicting options: cannot specify both --host and --context');

  const [first] = globals.arguments;
  if (first === '__complete' || first === '__completeNoDesc') return await runCompletion(options, globals.arguments.slice(1), { stdout, stderr, explains: first === '__complete' });
  const session = openSession(options, values, globals.given, { stdout, stderr });
  if (first !== undefined && childNamed(root, first) === undefined && first !== 'help') await becomeNamedPlugin(first, session, { words, given: globals.given });
  session.interruption.listen(stderr);
  let found: FoundCommand;
  try {
    found = findCommand(root, program, globals.arguments, warn);
  } catch (error) {
    if (!(error instanceof GroupFlagFailure)) throw error;
    throw flagFailure(error.message, { path: error.path });
  }
  await becomeBuilder(found, session, { words: words.slice(0, words.length - globals.arguments.length), given: globals.given });
  const helpRequested = globals.helpRequested || found.helpRequested;
  if (found.node === root && found.words[0] === 'help') return await runHelp(session, root, found.words.slice(1), warn);
  if (found.node.load === undefined) return await runGroup(session, found, { isRoot: found.node === root, helpRequested, wantsVersion: values.version, warn });
  const command = await found.node.load();
  for (const line of command.preface?.(options.environment) ?? []) stderr.writeLine(line);
  const parsed = readFlags(command.flags, found.words, { path: found.path, command, interspersed: command.interspersed !== false, warn });
  if (helpRequested || parsed.helpRequested) return await showHelp(session, found.node, found.path, stdout);
  const complaint = command.positional(parsed.arguments.length);
  if (complaint !== undefined) throw argumentFailure(complaint, found.path, command);
  const refusal = await refusalOf(session, found.node, command.flags, parsed.given);
  if (refusal !== undefined) throw new CommandFailure(refusal);
  const invocation = makeInvocation(session, { path: found.path, arguments: parsed.arguments, flags: parsed.values, given: parsed.given });
  return await untilInterrupted(command.run(invocation), session.interruption.signal);
}

function openSession(options: ProgramOptions, values: FlagValues<RootFlags>, given: ReadonlySet<string>, outputs: { stdout: Output; stderr: Output }): Session {
  const { program, environment } = options;
  return new Session({ program, environment, directory: values.config, hosts: values.host, context: values.context, tls: tlsFiles(values, given), ...outputs });
}

/** Under Docker's name builds are buildx's where it is installed, unless the classic builder is asked for. Returns where they are not. */
async function becomeBuilder({ path, words }: FoundCommand, session: Session, globals: { words: readonly string[]; given: ReadonlySet<string> }): Promise<void> {
  const command = path.slice(1).join(' ');
  if (session.program !== 'docker' || !['build', 'image build', 'builder build', 'builder prune'].includes(command)) return;
  const { wantsClassicBuilder } = await import('./build/wants-classic-builder.ts');
  if (wantsClassicBuilder(session.environment['DOCKER_BUILDKIT'])) return;
  await becomeNamedPlugin('buildx', session, { words: [...globals.words, 'buildx', command === 'builder prune' ? 'prune' : 'build', ...words], given: globals.given });
}

/** Returns when no plugin brings the command. */
async function becomeNamedPlugin(name: string, session: Session, { words, given }: { words: readonly string[]; given: ReadonlySet<string> }): Promise<void> {
  const { becomePlugin, findPlugin } = await import('./plugins/plugin-program.ts');
  const { directory, file } = session.configuration;
  const program = findPlugin(name, { directory, extraDirectories: file.cliPluginsExtraDirs ?? [] });
  if (program === undefined) return;
  // A plugin knows Docker's own address only, and contexts by itself.
  const { endpoint, context } = session.endpoint;
  const isChosen = given.has('host') || given.has('context') || (session.environment['DOCKER_HOST'] ?? '') !== '' || context !== 'default';
  becomePlugin(program, words, { ...session.environment, DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: process.argv[1] ?? session.program, ...(isChosen ? {} : { DOCKER_HOST: endpoint.address }) });
}

/** A shell asks what its user may mean. What goes wrong only leaves it without candidates. */
async function runCompletion(options: ProgramOptions, words: readonly string[], { stdout, stderr, explains }: { stdout: Output; stderr: Output; explains: boolean }): Promise<number> {
  const declared = rootFlags(options.environment);
  const { completeWords } = await import('./completion/complete-words.ts');
  let completion: Completion = { lines: [], directive: 1 };
  try {
    const globals = readableFlags(declared, words.slice(0, -1));
    const session = openSession(options, globals.values as FlagValues<RootFlags>, globals.given, { stdout, stderr });
    const root = { ...options.root, name: options.program };
    completion = await completeWords({ root, rootFlags: declared, words, invoke: (path, given, flags) => makeInvocation(session, { path, arguments: given, flags, given: new Set() }) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    stderr.writeLine(errorText(error));
  }
  for (const line of completion.lines) stdout.writeLine(explains ? line : line.replace(/\t.*$/s, ''));
  stdout.writeLine(`:${completion.directive}`);
  stderr.writeLine(`Completion ended with directive: ${completion.directive === 0 ? 'ShellCompDirectiveDefault' : completion.directive === 1 ? 'ShellCompDirectiveError' : 'ShellCompDirectiveNoFileComp'}`);
  return 0;
}

/** The global flags so far: the last may still lack its value. */
function readableFlags(declared: Command['flags'], words: readonly string[]): ReturnType<typeof parseFlags> {
  const options = { interspersed: false, warn: () => {} };
  try {
    return parseFlags(declared, words, options);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'FlagFailure')) throw error;
    return parseFlags(declared, [], options);
  }
}

interface Call {
  readonly path: readonly string[];
  readonly arguments: readonly string[];
  readonly flags: Record<string, unknown>;
  readonly given: ReadonlySet<string>;
}

function makeInvocation(session: Session, call: Call): Invocation {
  return {
    program: session.program,
    path: call.path.join(' '),
    arguments: call.arguments,
    flags: call.flags,
    given: (name) => call.given.has(name),
    get client() {
      return session.client;
    },
    get endpoint() {
      return session.endpoint.endpoint.address;
    },
    get configuration() {
      return session.configuration;
    },
    context: () => session.endpoint.context,
    stdin: session.stdin,
    stdout: session.stdout,
    stderr: session.stderr,
    environment: session.environment,
    signal: session.interruption.signal,
    takeOverSignals: () => session.interruption.takeOver(),
  };
}

/** A command that does not watch the signal is left behind. */
async function untilInterrupted(work: Promise<number>, signal: AbortSignal): Promise<number> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return await Promise.race([work, promise]);
}

interface ReadOptions {
  readonly path: readonly string[];
  readonly command?: Command;
  readonly interspersed: boolean;
  readonly warn: (line: string) => void;
}

/** Warnings are given only when all could be read. */
function readFlags(flags: Command['flags'], words: readonly string[], options: ReadOptions): ReturnType<typeof parseFlags> {
  const warnings: string[] = [];
  try {
    const parsed = parseFlags(flags, words, { interspersed: options.interspersed, warn: (line) => warnings.push(line) });
    for (const warning of warnings) options.warn(warning);
    return parsed;
  } catch (error) {
    if (!(error instanceof Error && error.name === 'FlagFailure')) throw error;
    throw flagFailure(error.message, options);
  }
}

function flagFailure(message: string, subject: { path: readonly string[]; command?: Command }): CommandFailure {
  return new CommandFailure(`${message}\n\nUsage:  ${usageLine(subject)}\n\nRun '${subject.path.join(' ')} --help' for more information`, 125);
}

function argumentFailure(complaint: string, path: readonly string[], command: Command): CommandFailure {
  const name = path.join(' ');
  const verb = pointerOf(complaint);
  return new CommandFailure(`${path[0] ?? ''}: '${name}' ${complaint}\n\nUsage:  ${usageLine({ path, command })}\n\n${verb} '${name} --help' for more information`);
}

/** How Docker points to the help, letter for letter. */
function pointerOf(complaint: string): string {
  if (/^requires at least \d+ arguments?$/.test(complaint)) return 'See';
  return complaint.startsWith('requires at most') ? 'SRun' : 'Run';
}

interface GroupOptions {
  readonly isRoot: boolean;
  readonly helpRequested: boolean;
  readonly wantsVersion: boolean;
  readonly warn: (line: string) => void;
}

async function runGroup(session: Session, found: FoundCommand, options: GroupOptions): Promise<number> {
  const { node, path } = found;
  const parsed = readFlags(options.isRoot ? rootFlags(session.environment) : groupFlags, found.words, { path, interspersed: true, warn: options.warn });
  if (options.helpRequested || parsed.helpRequested) return await showHelp(session, node, path, session.stdout);
  if (options.isRoot && options.wantsVersion) {
    session.stdout.writeLine(versionLine(session.program));
    return 0;
  }
  const [unknown] = parsed.arguments;
  if (unknown === undefined) {
    // Docker's older groups begin with an empty line.
    if (node.usage !== undefined) session.stderr.writeLine();
    return await showHelp(session, node, path, session.stderr);
  }
  throw await unknownCommand(session, found, unknown);
}

async function unknownCommand(session: Session, found: FoundCommand, unknown: string): Promise<CommandFailure> {
  const name = found.path.join(' ');
  const isRoot = found.path.length === 1;
  let text = `${session.program}: unknown command: ${name} ${unknown}\n\n${isRoot ? '' : `Usage:  ${name}${found.node.usage === undefined ? '' : ` ${found.node.usage}`}\n\n`}Run '${name} --help' for more information`;
  if (session.program !== 'docker') {
    const { suggestNames } = await import('./suggest.ts');
    const near = suggestNames(unknown, (found.node.children ?? []).filter((child) => child.hidden !== true).map((child) => child.name));
    if (near.length > 0) text += `\n\nDid you mean ${near.map((one) => `'${name} ${one}'`).join(' or ')}?`;
  }
  return new CommandFailure(text);
}

async function runHelp(session: Session, root: CommandNode, words: readonly string[], warn: (line: string) => void): Promise<number> {
  const parsed = readFlags(groupFlags, words, { path: [session.program, 'help'], interspersed: true, warn });
  const topic = parsed.arguments;
  if (parsed.helpRequested || (topic.length === 1 && topic[0] === 'help')) {
    session.stdout.writeLine(`Usage:  ${session.program} help [command]\n\nHelp about the command`);
    return 0;
  }
  let node = root;
  const path = [session.program];
  for (const word of topic) {
    const child = childNamed(node, word);
    if (child === undefined) throw new CommandFailure(`unknown help topic: ${topic.slice(path.length - 1).join(' ')}`);
    node = child;
    path.push(child.name);
  }
  return await showHelp(session, node, path, session.stdout);
}

async function showHelp(session: Session, node: CommandNode, path: readonly string[], to: Output): Promise<number> {
  const command = await node.load?.();
  const isRoot = path.length === 1;
  const flags = await offeredFlags(session, isRoot ? rootFlags(session.environment) : (command?.flags ?? groupFlags));
  const children = await offeredChildren(session, node.children ?? []);
  // Docker asks the input's terminal for its width.
  const width = new Output(0, { last: Promise.resolve() }).size.columns;
  to.write(helpText({ path, node, command, flags, children, columns: (width === 0 ? 80 : width) - 1 }));
  return 0;
}

