/** `--docker host=…,ca=…`: the endpoint of a context and its files of TLS. */
import { readFileSync } from 'node:fs';
import { parseEndpoint } from '#client/endpoint.ts';
import { sshWords } from '#cli/configuration/ssh-endpoint.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { errnoText } from '#cli/errno-text.ts';
import type { Flag } from '#cli/flag.ts';
import { parseBoolean } from '#cli/go-number.ts';
import type { DockerEndpoint, TlsFiles } from './context-store.ts';
import type { KnownContexts } from './known-contexts.ts';

const keys = ['from', 'host', 'ca', 'cert', 'key', 'skip-tls-verify'];

/** The flag; undefined when it was not given. */
export const dockerFlag: Flag<ReadonlyMap<string, string> | undefined> = {
  text: 'set the docker endpoint',
  type: 'stringToString',
  initial: undefined,
  shownDefault: '[]',
  add: (current, text) => {
    const pairs = text.split(',').map((pair) => {
      const cut = pair.indexOf('=');
      if (cut < 0) throw new Error(`${pair} must be formatted as key=value`);
      return [pair.slice(0, cut), pair.slice(cut + 1)] as const;
    });
    return new Map([...current ?? [], ...pairs]);
  },
};

/** What the help of commands with the flag says before their options. */
export function endpointDescription(verb: 'create' | 'update'): string {
  const rows = [
    ['NAME', 'DESCRIPTION'],
    ['from', "Copy named context's Docker endpoint configuration"],
    ['host', 'Docker endpoint on which to connect'],
    ['ca', 'Trust certs signed only by this CA'],
    ['cert', 'Path to TLS certificate file'],
    ['key', 'Path to TLS key file'],
    ['skip-tls-verify', 'Skip TLS certificate validation'],
  ];
  return [
    `${verb === 'create' ? 'Create' : 'Update'} a context`,
    '',
    'Docker endpoint config:',
    '',
    ...rows.map(([name = '', text = '']) => name.padEnd(20) + text),
    '',
    'Example:',
    '',
    `$ docker context ${verb} my-context --description "some description" --docker "host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file"`,
  ].join('\n');
}

/** @throws CommandFailure with Docker's texts */
export function readDockerEndpoint(given: ReadonlyMap<string, string>, contexts: KnownContexts): { endpoint: DockerEndpoint; tls: TlsFiles } {
  const refuse = (text: string): never => {
    throw new CommandFailure(`unable to create docker endpoint config: ${text}`);
  };
  const unknown = [...given.keys()].filter((key) => !keys.includes(key));
  if (unknown.length > 0) refuse(unknown.map((key) => `unrecognized config key: ${key}`).join('\n'));
  const from = given.get('from');
  if (from !== undefined) {
    const { docker } = contexts.read(from).Endpoints;
    return { endpoint: docker ?? refuse(`unable to get endpoint from context "${from}"`), tls: new Map() };
  }
  const tls = new Map<string, Uint8Array>();
  for (const [key, file] of [['ca', 'ca.pem'], ['cert', 'cert.pem'], ['key', 'key.pem']] as const) {
    const path = given.get(key) ?? '';
    if (path === '') continue;
    try {
      tls.set(file, readFileSync(path));
    } catch (error) {
      refuse(`open ${path}: ${errnoText(error)}`);
    }
  }
  const skip = given.get('skip-tls-verify');
  let skips = false;
  try {
    skips = skip !== undefined && parseBoolean(skip);
  } catch {
    refuse(`skip-tls-verify: parsing "${skip}": invalid syntax`);
  }
  const host = given.get('host') ?? '';
  try {
    if (host !== '' && !host.includes('://')) throw new Error(`unable to parse docker host \`${host}\``);
    if (host.startsWith('ssh://')) sshWords(host, 'docker');
    else parseEndpoint(host);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    refuse(`${host.startsWith('ssh://') ? 'invalid' : 'unable to apply'} docker endpoint options: ${error.message}`);
  }
  return { endpoint: { ...(host === '' ? {} : { Host: host }), SkipTLSVerify: skips }, tls };
}
