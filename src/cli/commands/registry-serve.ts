/** `registry serve`: becomes the registry server. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { resolve } from 'node:path';
import { serverDocument, serverFlags } from '#cli/registry/server-flags.ts';
import { serverEnvironment, serverNodeOptions, serverProgram } from '#cli/registry/server-program.ts';

export const command = defineCommand({
  usage: 'serve [OPTIONS]',
  description: 'Serve a registry (OCI distribution specification 1.1) from this process, until it is told to end',
  positional: noArguments,
  flags: {
    ...serverFlags,
    'access-log': textFlag({ text: 'File for one line of JSON per request, "-" for standard output, "off" for none (default "-")' }),
    listen: textFlag({ text: 'Address to listen on, HOST:PORT or :PORT (default ":5000")' }),
    'metrics-listen': textFlag({ text: 'Address to serve Prometheus metrics on, to anyone' }),
    storage: textFlag({ text: 'Directory of the images (default "/var/lib/dhow-registry")' }),
  },
  async run({ flags, environment }) {
    const program = serverProgram();
    if (program === undefined) throw new CommandFailure('the registry server is not beside this program: bin/dhow-registry.mjs is missing');
    const text = (name: string, value: string): Record<string, string> => (value === '' ? {} : { [name]: value });
    const document = {
      ...serverDocument(flags, (_flag, path) => resolve(path)),
      ...text('listen', flags.listen),
      ...text('storage', flags.storage === '' ? '' : resolve(flags.storage)),
      ...text('accessLog', flags['access-log']),
      ...text('metricsListen', flags['metrics-listen']),
    };
    const args = ['serve', ...(flags.config === '' ? [] : ['--config', resolve(flags.config)]), JSON.stringify(document)];
    const { execve } = process;
    if (execve === undefined) throw new CommandFailure('the registry server needs Node 24 on Linux');
    // The warning that this call is new would be printed by a process that is no more.
    process.removeAllListeners('warning');
    return execve.call(process, process.execPath, [process.execPath, ...serverNodeOptions, program, ...args], { ...serverEnvironment, ...environment });
  },
});
