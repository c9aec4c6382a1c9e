/** `login`. */
import { maximumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Invocation } from '#cli/command.ts';
import { CredentialStore, hostOfAddress, hubKey, type AuthConfig } from '#cli/credentials/credential-store.ts';
import { errorText } from '#cli/error-text.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { promptForCredentials } from '#cli/credentials/prompt-for-credentials.ts';
import { writeNote } from '#cli/format/note.ts';
import { ApiError, ConnectionError } from '#client/client-error.ts';
import type { LoginAnswer } from '#schema/registry-views.ts';

type Call = Pick<Invocation, 'client' | 'configuration' | 'environment' | 'stdin' | 'stdout' | 'stderr' | 'signal'>;

export const command = defineCommand({
  usage: 'login [OPTIONS] [SERVER]',
  description: 'Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.',
  positional: maximumArguments(1),
  flags: {
    password: textFlag({ short: 'p', text: 'Password or Personal Access Token (PAT)' }),
    'password-stdin': booleanFlag({ text: 'Take the Password or Personal Access Token (PAT) from stdin' }),
    username: textFlag({ short: 'u', text: 'Username' }),
  },
  async run({ arguments: [address = ''], flags, given, ...call }) {
    if (given('password-stdin') && given('password')) throw new CommandFailure('conflicting options: cannot specify both --password and --password-stdin');
    if (given('password-stdin') && !given('username')) throw new CommandFailure('the --password-stdin option requires --username to be set');
    if (given('username') && flags.username === '') throw new CommandFailure('username is empty');
    if (given('password') && flags.password === '') throw new CommandFailure('password is empty');
    const { stderr, stdin, stdout } = call;
    if (flags.password !== '') stderr.writeLine('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    const password = flags['password-stdin'] ? await readPassword(stdin.stream) : flags.password;
    const server = address === '' || address === 'docker.io' ? hubKey : hostOfAddress(address);
    const store = new CredentialStore(call.configuration, call.environment);
    const status = await withStored(call, store, { server, asked: flags.username === '' && password === '' })
      ?? (await withGiven(call, store, { server, username: flags.username, password }));
    if (status !== '') stdout.writeLine(status);
    return 0;
  },
});

async function readPassword(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks).toString().replace(/\n$/, '').replace(/\r$/, '');
}

/** The status of a log-in with what is stored; undefined when the user must say more. */
async function withStored(call: Call, store: CredentialStore, { server, asked }: { server: string; asked: boolean }): Promise<string | undefined> {
  if (!asked) return undefined;
  const { username = '', password = '' } = await storedOrNone(store, server);
  if (username === '' || password === '') return undefined;
  const { stderr } = call;
  stderr.write(`Authenticating with existing credentials... [Username: ${username}]\n`);
  writeNote(stderr, "To login with a different account, run 'docker logout' followed by 'docker login'");
  stderr.write('\n\n');
  const credentials = { username, password, serveraddress: server };
  try {
    const { Status, IdentityToken } = await logIn(call, credentials);
    await save(call, store, tokenInstead(credentials, IdentityToken));
    return Status;
  } catch (error) {
    if (call.signal.aborted || !(error instanceof Error)) throw error;
    if (error instanceof ApiError && error.status === 401) stderr.writeLine('Stored credentials invalid or expired');
    else stderr.writeLine(`Login did not succeed, error: ${errorText(error)}`);
    return undefined;
  }
}

async function withGiven(call: Call, store: CredentialStore, { server, username, password }: { server: string; username: string; password: string }): Promise<string> {
  if ((username === '' || password === '') && !call.stdin.isTerminal) throw new CommandFailure('Error: Cannot perform an interactive login from a non TTY device');
  const known = username === '' && password === '' ? ((await storedOrNone(store, server)).username ?? '') : '';
  const credentials = await promptForCredentials(call, { server, username: username.trim(), password: password.trim(), known });
  const { Status, IdentityToken } = await logIn(call, credentials);
  await save(call, store, tokenInstead(credentials, IdentityToken));
  return Status;
}

/** A helper that fails is as good as none: the user is asked. */
async function storedOrNone(store: CredentialStore, server: string): Promise<AuthConfig> {
  try {
    return await store.get(server);
  } catch (error) {
    if (error instanceof Error) return {};
    throw error;
  }
}

/** Where no daemon can be reached, from here. */
async function logIn({ client, signal, environment }: Call, credentials: AuthConfig & { readonly serveraddress: string }): Promise<LoginAnswer> {
  try {
    return await client.registries.logIn(credentials, signal);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    const { logInFromHere } = await import('#cli/credentials/log-in-from-here.ts');
    return await logInFromHere(credentials, { environment, signal });
  }
}

function tokenInstead<T extends AuthConfig>(credentials: T, identitytoken: string): T & { identitytoken?: string } {
  return identitytoken === '' ? credentials : { ...credentials, password: '', identitytoken };
}

async function save({ stderr }: Call, store: CredentialStore, credentials: AuthConfig & { readonly serveraddress: string }): Promise<void> {
  try {
    await store.store(credentials, stderr);
  } catch (error) {
    throw new CommandFailure(`Error saving credentials: ${error instanceof Error ? error.message : String(error)}`, 1, error);
  }
}
