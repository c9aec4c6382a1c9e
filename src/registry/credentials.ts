/** Who pulls, as the API's `X-Registry-Auth` header says. */

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** A refresh token of the registry's token server. */
  readonly identityToken: string;
  /** A bearer token to send as it is. */
  readonly registryToken: string;
}

export const anonymous: Credentials = { username: '', password: '', identityToken: '', registryToken: '' };

/** Reads the header: base64 of a JSON object. What cannot be read counts as none, as in Docker. */
export function readCredentials(header: string | undefined): Credentials {
  if (header === undefined || header === '') return anonymous;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  } catch {
    return anonymous;
  }
  if (typeof value !== 'object' || value === null) return anonymous;
  const fields = new Map(Object.entries(value).map(([name, content]) => [name.toLowerCase(), typeof content === 'string' ? content : '']));
  const get = (name: string): string => fields.get(name) ?? '';
  return { username: get('username'), password: get('password'), identityToken: get('identitytoken'), registryToken: get('registrytoken') };
}

/** The value of a Basic `Authorization` header. */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
