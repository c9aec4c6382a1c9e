/** The flags of the program itself, which come before the command. */
import { existsSync } from 'node:fs';
import type { TlsFiles } from './configuration/choose-endpoint.ts';
import { configurationDirectory } from './configuration/client-configuration.ts';
import type { Flag, FlagValues } from './flag.ts';
import { listFlag } from './flags/list-flags.ts';
import { booleanFlag, textFlag } from './flags/scalar-flags.ts';

export interface RootFlags {
  readonly config: Flag<string>;
  readonly context: Flag<string>;
  readonly debug: Flag<boolean>;
  readonly host: Flag<readonly string[]>;
  readonly 'log-level': Flag<string>;
  readonly tls: Flag<boolean>;
  readonly tlscacert: Flag<string>;
  readonly tlscert: Flag<string>;
  readonly tlskey: Flag<string>;
  readonly tlsverify: Flag<boolean>;
  readonly version: Flag<boolean>;
}

/** Their defaults depend on the environment. */
export function rootFlags(environment: Readonly<Record<string, string | undefined>>): RootFlags & Readonly<Record<string, Flag<unknown>>> {
  const directory = configurationDirectory(environment);
  const certificates = environment['DOCKER_CERT_PATH'] || directory;
  const file = (name: string, text: string): Flag<string> => ({
    ...textFlag({ text, initial: `${certificates}/${name}` }),
    add: (_current: string, given: string) => given.replace(/^(["'])(.*)\1$/s, '$2'),
  });
  return {
    config: textFlag({ text: 'Location of client config files', initial: directory }),
    context: textFlag({ short: 'c', text: 'Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with "docker context use")' }),
    debug: booleanFlag({ short: 'D', text: 'Enable debug mode' }),
    host: listFlag({ short: 'H', text: 'Daemon socket to connect to' }),
    'log-level': textFlag({ short: 'l', text: 'Set the logging level ("debug", "info", "warn", "error", "fatal")', initial: 'info', candidates: ['debug', 'info', 'warn', 'error', 'fatal', 'panic'] }),
    tls: booleanFlag({ text: 'Use TLS; implied by --tlsverify', initial: (environment['DOCKER_TLS'] ?? '') !== '' }),
    tlscacert: file('ca.pem', 'Trust certs signed only by this CA'),
    tlscert: file('cert.pem', 'Path to TLS certificate file'),
    tlskey: file('key.pem', 'Path to TLS key file'),
    tlsverify: booleanFlag({ text: 'Use TLS and verify the remote', initial: (environment['DOCKER_TLS_VERIFY'] ?? '') !== '' }),
    version: booleanFlag({ short: 'v', text: 'Print version information and quit' }),
  };
}

/** The files TLS is to use; undefined without TLS. Naming `--tlsverify`, even as false, turns TLS on. */
export function tlsFiles(values: FlagValues<RootFlags>, given: ReadonlySet<string>): TlsFiles | undefined {
  if (!values.tls && !values.tlsverify && !given.has('tlsverify')) return undefined;
  const unlessAbsent = (name: 'tlscert' | 'tlskey'): string => (given.has(name) || existsSync(values[name]) ? values[name] : '');
  return { authority: values.tlscacert, certificate: unlessAbsent('tlscert'), key: unlessAbsent('tlskey'), verify: values.tlsverify };
}
