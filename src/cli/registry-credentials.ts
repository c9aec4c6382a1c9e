/** Credentials of registries from the user's `config.json`, as the header that requests for images carry. */
import type { ConfigurationFile, RegistryCredentials } from './configuration/client-configuration.ts';

/** The key under which the credentials of Docker Hub are kept. */
const hubKey = 'https://index.docker.io/v1/';

/** The X-Registry-Auth header for a registry: base64url of a JSON document, `{}` without credentials. */
export function registryAuthorization(file: ConfigurationFile, domain: string): string {
  const key = domain === 'docker.io' ? hubKey : domain;
  const text = Buffer.from(JSON.stringify(storedCredentials(file, key))).toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

interface WireCredentials {
  username?: string;
  password?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

function storedCredentials(file: ConfigurationFile, key: string): WireCredentials {
  const found = file.auths?.[key] ?? Object.entries(file.auths ?? {}).find(([name]) => hostOf(name) === hostOf(key))?.[1];
  if (found === undefined) return {};
  const [username, password] = namePair(found);
  return {
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    serveraddress: key,
    ...(found.identitytoken === undefined ? {} : { identitytoken: found.identitytoken }),
    ...(found.registrytoken === undefined ? {} : { registrytoken: found.registrytoken }),
  };
}

function namePair(credentials: RegistryCredentials): [username: string, password: string] {
  if (credentials.auth === undefined || credentials.auth === '') return [credentials.username ?? '', credentials.password ?? ''];
  const text = Buffer.from(credentials.auth, 'base64').toString();
  const cut = text.indexOf(':');
  return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1).replace(/\0+$/, '')];
}

function hostOf(name: string): string {
  return name.replace(/^https?:\/\//, '').replace(/\/.*$/s, '');
}
