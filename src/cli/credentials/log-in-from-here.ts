/** Checks credentials without a daemon. */
import { logIn } from '#registry/log-in.ts';
import { proxySettings } from '#registry/proxy-settings.ts';
import type { LoginAnswer } from '#schema/registry-views.ts';
import { dockerVersion } from '#cli/version.ts';
import type { AuthConfig } from './credential-store.ts';
import { certificatesDirectories } from './certificates-directories.ts';

export async function logInFromHere(
  credentials: AuthConfig & { readonly serveraddress: string },
  { environment, signal }: { environment: Readonly<Record<string, string | undefined>>; signal: AbortSignal },
): Promise<LoginAnswer> {
  const { username = '', password = '', identitytoken = '', registrytoken = '', serveraddress } = credentials;
  const token = await logIn({
    serverAddress: serveraddress,
    credentials: { username, password, identityToken: identitytoken, registryToken: registrytoken },
    configuration: { certificatesDirectories, proxies: proxySettings({}, environment) },
    userAgent: `Docker-Client/${dockerVersion} (linux)`,
    signal,
  });
  return { IdentityToken: token, Status: 'Login Succeeded' };
}
