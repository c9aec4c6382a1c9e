/** Asks the user for what a registry wants to know. */
import { CommandFailure } from '#cli/command-failure.ts';
import type { Invocation } from '#cli/command.ts';
import { underlined, writeNote } from '#cli/format/note.ts';
import { Prompt } from '#cli/streams/prompt.ts';
import type { ClientConfiguration } from '#cli/configuration/client-configuration.ts';
import { credentialKey, CredentialStore, hubKey, type AuthConfig } from './credential-store.ts';

const registerHint = "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.";
const tokenHint = 'You can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security and is required for organizations using SSO. Learn more at https://docs.docker.com/go/access-tokens/';

export type Asking = Pick<Invocation, 'stdin' | 'stdout' | 'stderr' | 'environment' | 'signal'>;

/** What is given is not asked for; `known` is the name taken when none is typed. @throws CommandFailure with Docker's texts */
export async function promptForCredentials(call: Asking, given: { server: string; username: string; password: string; known: string }): Promise<Required<Pick<AuthConfig, 'username' | 'password' | 'serveraddress'>>> {
  const { stdin, stdout, stderr, signal, environment } = call;
  const { server } = given;
  let { username, password } = given;
  const prompt = new Prompt(stdin, stdout, signal);
  try {
    if (username === '') {
      if (server === hubKey) {
        stdout.writeLine(registerHint);
        if ((environment['DOCKER_CLI_HINTS'] ?? '').toLowerCase() !== 'false') stdout.write(`${tokenHint}\n\n`);
      }
      username = (await prompt.ask(given.known === '' ? 'Username: ' : `Username (${given.known}): `)) || given.known;
      if (username === '') throw new CommandFailure('Error: Non-null Username Required');
    }
    if (password === '') {
      const note = (): void => {
        if (server === hubKey) writeNote(stderr, `A Personal Access Token (PAT) can be used instead.\nTo create a PAT, visit ${underlined('https://app.docker.com/settings')}\n\n`);
      };
      password = await prompt.askSecret('Password: ', note);
      stdout.writeLine();
      if (password === '') throw new CommandFailure('Error: Password Required');
    }
  } finally {
    prompt.close();
  }
  return { username, password, serveraddress: server };
}

/** Asks because a registry refused to do something without knowing who asks. */
export async function promptPriorTo(action: string, domain: string, call: Asking & { readonly configuration: ClientConfiguration }): Promise<AuthConfig> {
  const { stdout, stderr, configuration, environment } = call;
  stdout.writeLine(`\nLogin prior to ${action}:`);
  let known = '';
  try {
    known = (await new CredentialStore(configuration, environment).get(credentialKey(domain))).username ?? '';
  } catch (error) {
    stderr.writeLine(`Unable to retrieve stored credentials for ${hubKey}, error: ${error instanceof Error ? error.message : String(error)}.`);
  }
  return await promptForCredentials(call, { server: hubKey, username: '', password: '', known });
}
