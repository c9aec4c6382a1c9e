/** `logout`. */
import { maximumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { CredentialStore, hostOfAddress, hubKey } from '#cli/credentials/credential-store.ts';

export const command = defineCommand({
  usage: 'logout [SERVER]',
  description: 'Log out from a registry.\nIf no server is specified, the default is defined by the daemon.',
  positional: maximumArguments(1),
  flags: {},
  async run({ arguments: [address = ''], configuration, environment, stdout, stderr }) {
    const host = address === '' ? hubKey : hostOfAddress(address);
    // Older programs kept them under the address as it was given, or with a scheme.
    const servers = address === '' ? [hubKey] : [address, host, `http://${host}`, `https://${host}`];
    stdout.writeLine(`Removing login credentials for ${host}`);
    const failures = new Map<string, string>();
    let count = 0;
    for (const server of servers) {
      try {
        await new CredentialStore(configuration, environment).erase(server);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        failures.set(server, error.message);
        count++;
      }
    }
    if (count < servers.length) return 0;
    stderr.writeLine('WARNING: could not erase credentials:');
    for (const [server, message] of failures) stderr.writeLine(`${server}: ${message}`);
    return 0;
  },
});
