/** Checks credentials at a registry, as `docker login` has it. */
import { EngineError, fail } from '#base/errors/failure.ts';
import type { Credentials } from './credentials.ts';
import { registryEndpoints, type RegistryConfiguration, type RegistryEndpoint } from './endpoints.ts';
import { RegistryConnection } from './registry-connection.ts';

export interface LoginOptions {
  /** A host, or an address with `http://` or `https://`; empty: Docker Hub. */
  readonly serverAddress: string;
  readonly credentials: Credentials;
  readonly configuration: RegistryConfiguration;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

const hubIndex = 'index.docker.io';

/**
 * Answers the token to log in with from now on; empty when it is the password.
 * @throws registry.login_refused (wrong credentials), registry.invalid_parameter, registry.unreachable, registry.unauthorized, registry.unexpected_answer
 */
export async function logIn(options: LoginOptions): Promise<string> {
  let last: unknown;
  for (const endpoint of await registryEndpoints(hostOf(options.serverAddress), options.configuration, { mirrors: false })) {
    try {
      return await tryEndpoint(endpoint, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof EngineError) || error.code === 'registry.login_refused') throw error;
      last = error;
    }
  }
  throw last;
}

async function tryEndpoint(endpoint: RegistryEndpoint, { credentials, userAgent, signal }: LoginOptions): Promise<string> {
  using connection = await RegistryConnection.open({ endpoint, credentials, userAgent, scopes: [], offline: true }, signal);
  let status: { status: number; statusText: string };
  try {
    const answer = await connection.send('/v2/', { signal });
    answer.body.destroy();
    status = answer;
  } catch (error) {
    if (error instanceof EngineError && error.details['fault'] === 'UNAUTHORIZED') throw fail('registry.login_refused', { message: error.message }, error);
    throw error;
  }
  if (status.status === 200) return connection.identityToken;
  throw fail('registry.unexpected_answer', { message: `login attempt to ${connection.url('/v2/').href} failed with status: ${status.statusText}`, status: status.status });
}

/** @throws registry.invalid_parameter */
function hostOf(serverAddress: string): string {
  if (serverAddress === '') return hubIndex;
  const text = /^https?:\/\//.test(serverAddress) ? serverAddress : `https://${serverAddress}`;
  const host = /^https?:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
  const bare = host.slice(host.lastIndexOf('@') + 1);
  if (!URL.canParse(`http://${bare.replace(/:\d+$/, '')}`)) throw fail('registry.invalid_parameter', { message: `unable to parse server address: parse ${JSON.stringify(text)}: ${addressFault(bare)}` });
  return bare;
}

function addressFault(host: string): string {
  const port = /:([^:\]]*)$/.exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port)) return `invalid port ${JSON.stringify(`:${port}`)} after host`;
  const wrong = /[^\w.\-:[\]~!$&'()*+,;=%]/.exec(host)?.[0];
  return wrong === undefined ? 'invalid URL' : `invalid character ${JSON.stringify(wrong)} in host name`;
}
