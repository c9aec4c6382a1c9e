/** Credentials of registries: with a helper where the user's `config.json` names one, else in that file. */
import { changeConfiguration } from '#cli/configuration/change-configuration.ts';
import type { ClientConfiguration, ConfigurationFile, RegistryCredentials } from '#cli/configuration/client-configuration.ts';
import type { Output } from '#cli/streams/output.ts';
import { defaultHelper, eraseFromHelper, getFromHelper, listOfHelper, storeInHelper } from './credential-helper.ts';

/** The key under which those of Docker Hub are kept. */
export const hubKey = 'https://index.docker.io/v1/';

/** As the Engine API takes them; what is undefined is not known. */
export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  readonly email?: string;
  readonly serveraddress?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** A user name that says the secret is a token. */
const tokenName = '<token>';

export class CredentialStore {
  readonly #configuration: ClientConfiguration;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(configuration: ClientConfiguration, environment: Readonly<Record<string, string | undefined>>) {
    this.#configuration = configuration;
    this.#environment = environment;
  }

  /** Empty when there are none. @throws Error with Docker's texts when a helper fails */
  async get(server: string): Promise<AuthConfig> {
    const { file } = this.#configuration;
    const stored = fromFile(file, server);
    const helper = this.#helperOf(server);
    if (helper === undefined) return stored;
    const found = await getFromHelper(helper, server);
    const { email } = stored;
    const kept = email === undefined ? {} : { email };
    if (found === undefined) return kept;
    const secret = found.Username === tokenName ? { identitytoken: found.Secret } : { username: found.Username, password: found.Secret };
    return { ...kept, ...withoutEmpty(secret), serveraddress: server };
  }

  /** Of every registry, by key. What a registry's own helper fails with is told to `warn`. */
  async all(warn: (line: string) => void): Promise<Record<string, AuthConfig>> {
    const { file } = this.#configuration;
    const helper = this.#helperOf('');
    const servers = helper === undefined ? Object.keys(file.auths ?? {}) : Object.keys(await listOfHelper(helper));
    const result: Record<string, AuthConfig> = {};
    for (const server of servers) result[server] = await this.get(server);
    for (const server of Object.keys(file.credHelpers ?? {})) {
      try {
        result[server] = await this.get(server);
      } catch (error) {
        warn(`WARNING: Failed to get credentials for registry: ${server}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return result;
  }

  /** Tells `stderr` when a password goes into the file. */
  async store(credentials: AuthConfig & { readonly serveraddress: string }, stderr: Output): Promise<void> {
    const { serveraddress: server, username = '', password = '', identitytoken = '' } = credentials;
    const helper = this.#helperOf(server);
    if (helper !== undefined) {
      await storeInHelper(helper, identitytoken === '' ? { ServerURL: server, Username: username, Secret: password } : { ServerURL: server, Username: tokenName, Secret: identitytoken });
      this.#write(server, {});
      return;
    }
    const { directory, file } = this.#configuration;
    const before = fromFile(file, server, { exactly: true });
    const { email } = before;
    const entry = withoutEmpty({ auth: username === '' && password === '' ? '' : Buffer.from(`${username}:${password}`).toString('base64'), email: email ?? '', identitytoken });
    if (file.auths?.[server] !== undefined && (before.username ?? '') === username && (before.password ?? '') === password && (before.identitytoken ?? '') === identitytoken) return;
    this.#write(server, entry);
    if (password === '') return;
    stderr.writeLine(`\nWARNING! Your credentials are stored unencrypted in '${directory}/config.json'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n`);
  }

  /** Without effect where there are none. @throws Error with Docker's texts when a helper fails */
  async erase(server: string): Promise<void> {
    const helper = this.#helperOf(server);
    if (helper !== undefined) await eraseFromHelper(helper, server);
    if (this.#configuration.file.auths?.[server] !== undefined) this.#write(server, undefined);
  }

  #write(server: string, entry: RegistryCredentials | undefined): void {
    changeConfiguration(this.#configuration.directory, (document) => {
      const { auths } = document;
      const { [server]: _before, ...others } = typeof auths === 'object' && auths !== null ? (auths as Record<string, unknown>) : {};
      const all = entry === undefined ? others : { ...others, [server]: entry };
      // Helpers that are found by themselves are named from then on, as Docker does.
      const store = this.#isHelperFound ? { credsStore: this.#helperOf(server) } : {};
      return { ...document, ...store, auths: Object.fromEntries(Object.entries(all).sort(([left], [right]) => (left < right ? -1 : 1))) };
    });
  }

  get #isHelperFound(): boolean {
    const { file } = this.#configuration;
    return (file.credsStore ?? '') === '' && Object.keys(file.credHelpers ?? {}).length === 0 && Object.keys(file.auths ?? {}).length === 0 && defaultHelper(this.#environment) !== undefined;
  }

  #helperOf(server: string): string | undefined {
    const { file } = this.#configuration;
    const own = server === '' ? undefined : file.credHelpers?.[server];
    const chosen = own ?? file.credsStore ?? '';
    if (chosen !== '') return chosen;
    return own === undefined && this.#isHelperFound ? defaultHelper(this.#environment) : undefined;
  }
}

/** `registry.example:5000` of an address with or without `https://`. */
export function hostOfAddress(address: string): string {
  if (address.includes('://') && URL.canParse(address)) {
    const { host } = new URL(address);
    const port = /^[a-z][a-z0-9+.-]*:\/\/[^/]*?(:\d+)(?:\/|$)/i.exec(address)?.[1] ?? '';
    // A port that is the scheme's own is part of the name, too.
    if (host !== '') return host.endsWith(port) ? host : `${host}${port}`;
  }
  return address.split('/', 1)[0] ?? '';
}

/** The key of a registry's credentials, by the registry's name. */
export function credentialKey(domain: string): string {
  return domain === 'docker.io' || domain === 'index.docker.io' ? hubKey : domain;
}

/** The header X-Registry-Auth or X-Registry-Config: base64url of a JSON document. */
export function encodeAuthorization(document: object): string {
  const text = Buffer.from(JSON.stringify(document)).toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

function fromFile(file: ConfigurationFile, server: string, { exactly = false }: { exactly?: boolean } = {}): AuthConfig {
  const own = file.auths?.[server];
  const [key, found] = own !== undefined || exactly ? [server, own] : (Object.entries(file.auths ?? {}).find(([name]) => hostOfAddress(name) === server) ?? [server, undefined]);
  if (found === undefined) return {};
  const [username, password] = namePair(found);
  return { ...withoutEmpty({ username, password, email: found.email ?? '', identitytoken: found.identitytoken ?? '', registrytoken: found.registrytoken ?? '' }), serveraddress: key };
}

function namePair(credentials: RegistryCredentials): [username: string, password: string] {
  if (credentials.auth === undefined || credentials.auth === '') return [credentials.username ?? '', credentials.password ?? ''];
  const text = Buffer.from(credentials.auth, 'base64').toString();
  const cut = text.indexOf(':');
  return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1).replace(/\0+$/, '')];
}

function withoutEmpty<T extends Readonly<Record<string, string>>>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '')) as Partial<T>;
}
