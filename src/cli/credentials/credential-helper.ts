/** Credential helpers: programs `docker-credential-NAME` that keep passwords (protocol of docker-credential-helpers 0.9). */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface HelperCredentials {
  readonly ServerURL: string;
  readonly Username: string;
  readonly Secret: string;
}

type Action = 'get' | 'store' | 'erase' | 'list';

const verbs: Readonly<Record<Action, string>> = { get: 'getting', store: 'storing', erase: 'erasing', list: 'listing' };
const notFound = 'credentials not found in native keychain';
const namedFaults = ['no credentials server URL', 'no credentials username'];

/** Undefined when the helper has none. @throws Error with Docker's texts */
export async function getFromHelper(helper: string, server: string): Promise<HelperCredentials | undefined> {
  const { failure, output } = await runHelper(helper, 'get', server);
  if (failure !== undefined && output.trim() === notFound) return undefined;
  if (failure !== undefined) throw faultOf('get', failure, output);
  return { ServerURL: server, Username: '', Secret: '', ...(JSON.parse(output) as Partial<HelperCredentials>) };
}

export async function storeInHelper(helper: string, credentials: HelperCredentials): Promise<void> {
  const { failure, output } = await runHelper(helper, 'store', `${JSON.stringify(credentials).replaceAll(/[<>&]/g, escaped)}\n`);
  if (failure !== undefined) throw faultOf('store', failure, output);
}

/** As Go writes them in JSON. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export async function eraseFromHelper(helper: string, server: string): Promise<void> {
  const { failure, output } = await runHelper(helper, 'erase', server);
  if (failure !== undefined) throw faultOf('erase', failure, output);
}

/** Servers the helper has credentials of, with their user names. */
export async function listOfHelper(helper: string): Promise<Readonly<Record<string, string>>> {
  const { failure, output } = await runHelper(helper, 'list', 'unused');
  if (failure !== undefined) throw faultOf('list', failure, output);
  return (JSON.parse(output) ?? {}) as Readonly<Record<string, string>>;
}

/** The system's own helper where a user chose none: it counts only when it is installed. */
export function defaultHelper(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const isInstalled = (program: string): boolean => (environment['PATH'] ?? '').split(delimiter).some((directory) => directory !== '' && isExecutable(join(directory, program)));
  const name = isInstalled('pass') ? 'pass' : 'secretservice';
  return isInstalled(`docker-credential-${name}`) ? name : undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Whatever stands in the way: it cannot be run.
    return false;
  }
}

interface HelperAnswer {
  /** In Go's words. */
  readonly failure: string | undefined;
  readonly output: string;
}

async function runHelper(helper: string, action: Action, input: string): Promise<HelperAnswer> {
  const program = `docker-credential-${helper}`;
  const child = spawn(program, [action], { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  child.once('error', (error) => resolve('code' in error && error.code === 'ENOENT' ? `exec: ${JSON.stringify(program)}: executable file not found in $PATH` : error.message));
  child.once('close', (code, signal) => resolve(code === 0 ? undefined : signal === null ? `exit status ${code}` : `signal: ${signal}`));
  // One that does not read its input may be gone already; its exit tells.
  child.stdin.once('error', () => undefined);
  child.stdin.end(input);
  return { failure: await promise, output: Buffer.concat(chunks).toString() };
}

function faultOf(action: Action, failure: string, output: string): Error {
  const text = output.trim();
  return new Error(`error ${verbs[action]} credentials - err: ${namedFaults.includes(text) ? text : failure}, out: \`${text}\``);
}
