/** Which daemon a command talks to: `-H`, `--context`, DOCKER_HOST, DOCKER_CONTEXT, the current context, or ours. */
import { readFileSync } from 'node:fs';
import { errnoText } from '#cli/errno-text.ts';
import { parseEndpoint, type Endpoint, type TlsMaterial } from '#client/endpoint.ts';
import { sshEndpoint } from './ssh-endpoint.ts';
import type { ClientConfiguration } from './client-configuration.ts';

export interface EndpointChoice {
  /** `docker` or `dhow`: what is called at the other end of SSH. */
  readonly program: string;
  /** `-H`, every one. */
  readonly hosts: readonly string[];
  /** `--context`; empty: not given. */
  readonly context: string;
  /** Undefined without TLS. */
  readonly tls: TlsFiles | undefined;
  readonly configuration: ClientConfiguration;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface TlsFiles {
  readonly authority: string;
  /** Empty: none. */
  readonly certificate: string;
  readonly key: string;
  readonly verify: boolean;
}

export interface ChosenEndpoint {
  readonly endpoint: Endpoint;
  /** The context's name. */
  readonly context: string;
  /** Nobody asked for another: it is where our own daemon listens. */
  readonly isDefault: boolean;
}

/** The name of the context in use; `default` is the one made of flags and environment. */
export function chooseContext(choice: Omit<EndpointChoice, 'program'>): string {
  const { hosts, context, configuration, environment } = choice;
  if (context !== '') return context;
  if (hosts.length > 0 || isSet(environment['DOCKER_HOST'])) return 'default';
  return environment['DOCKER_CONTEXT'] || configuration.file.currentContext || 'default';
}

/** @throws Error with Docker's texts, to be shown after `unable to resolve docker endpoint: ` */
export function chooseEndpoint(choice: EndpointChoice): ChosenEndpoint {
  const context = chooseContext(choice);
  if (context !== 'default') return { endpoint: endpointOfContext(context, choice.configuration.directory, choice.program), context, isDefault: false };
  const [first, second] = choice.hosts;
  if (second !== undefined) throw new Error('Specify only one -H');
  const host = first ?? choice.environment['DOCKER_HOST'] ?? '';
  const endpoint = host.trim().startsWith('ssh://') ? sshEndpoint(host.trim(), choice.program) : parseEndpoint(host, choice.tls === undefined ? undefined : readTls(choice.tls));
  return { endpoint, context, isDefault: host.trim() === '' && choice.tls === undefined };
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}

function readTls(files: TlsFiles): TlsMaterial {
  const read = (path: string): string | undefined => (path === '' ? undefined : readOrExplain(path));
  return { authority: read(files.authority), certificate: read(files.certificate), key: read(files.key), verify: files.verify };
}

function readOrExplain(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`open ${path}: ${errnoText(error)}`, { cause: error });
  }
}

interface ContextMetadata {
  readonly Endpoints?: { readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean } };
}

/** A context's directory is named by the digest of its name. Few use contexts, so cryptography is loaded here only. */
function endpointOfContext(name: string, directory: string, program: string): Endpoint {
  const digest = process.getBuiltinModule('node:crypto').createHash('sha256').update(name).digest('hex');
  const path = `${directory}/contexts/meta/${digest}/meta.json`;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`context ${JSON.stringify(name)}: context not found: open ${path}: ${errnoText(error)}`, { cause: error });
  }
  // The file is written by `context create`; what it lacks is told below.
  const metadata = JSON.parse(text) as ContextMetadata;
  const docker = metadata.Endpoints?.docker;
  if (docker === undefined) throw new Error('docker endpoint configuration not found');
  if (docker.Host?.startsWith('ssh://') === true) return sshEndpoint(docker.Host, program);
  return parseEndpoint(docker.Host ?? '', tlsOfContext(`${directory}/contexts/tls/${digest}/docker`, docker.SkipTLSVerify === true));
}

function tlsOfContext(directory: string, skipVerification: boolean): TlsMaterial | undefined {
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(`${directory}/${name}`, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  };
  const material = { authority: read('ca.pem'), certificate: read('cert.pem'), key: read('key.pem'), verify: !skipVerification };
  const isPresent = material.authority !== undefined || material.certificate !== undefined || material.key !== undefined;
  return isPresent || skipVerification ? material : undefined;
}
