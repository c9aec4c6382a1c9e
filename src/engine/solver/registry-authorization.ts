/** What a build's client knows for a registry, in the form of the Engine API's `X-Registry-Auth`. */
import type { ImageReference } from '#oci/reference.ts';
import type { BuildSession } from './build-session.ts';

/** Empty: nothing. */
export async function authorizationFor({ domain }: ImageReference, session: BuildSession | undefined, signal: AbortSignal): Promise<string> {
  const credentials = await session?.credentials(domain === 'docker.io' ? 'registry-1.docker.io' : domain, signal);
  if (credentials === undefined || credentials.secret === '') return '';
  const { userName, secret } = credentials;
  return Buffer.from(JSON.stringify(userName === '' ? { identitytoken: secret } : { username: userName, password: secret })).toString('base64url');
}
