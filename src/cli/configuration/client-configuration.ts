/** The user's `config.json` (in DOCKER_CONFIG, or ~/.docker), read as Docker's CLI reads it. */
import { readFileSync } from 'node:fs';
import { goJsonFault } from '#base/go-json.ts';

export interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  readonly ftpProxy?: string;
  readonly allProxy?: string;
}

export interface RegistryCredentials {
  readonly username?: string;
  readonly password?: string;
  /** base64 of `username:password`. */
  readonly auth?: string;
  readonly email?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** The file's fields, in its own spelling. */
export interface ConfigurationFile {
  readonly auths?: Readonly<Record<string, RegistryCredentials>>;
  readonly HttpHeaders?: Readonly<Record<string, string>>;
  readonly psFormat?: string;
  readonly imagesFormat?: string;
  readonly networksFormat?: string;
  readonly volumesFormat?: string;
  readonly statsFormat?: string;
  readonly detachKeys?: string;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly pruneFilters?: readonly string[];
  readonly proxies?: Readonly<Record<string, ProxySettings>>;
  readonly currentContext?: string;
  /** Directories of plugins, looked at before the usual ones. */
  readonly cliPluginsExtraDirs?: readonly string[];
}

export interface ClientConfiguration {
  /** The directory: config.json, contexts, certificates. */
  readonly directory: string;
  readonly file: ConfigurationFile;
}

/** The directory without `--config`. */
export function configurationDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const chosen = environment['DOCKER_CONFIG'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const home = environment['HOME'];
  return `${home === undefined || home === '' ? process.getBuiltinModule('node:os').homedir() : home}/.docker`;
}

/** Reads the file; one that is damaged is reported to `warn` and taken as empty. */
export function loadConfiguration(directory: string, warn: (line: string) => void): ClientConfiguration {
  const path = `${directory}/config.json`;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code !== 'ENOENT') warn(`WARNING: Error loading config file: open ${path}: ${error.code === 'EACCES' ? 'permission denied' : error.code}`);
    return { directory, file: {} };
  }
  try {
    const parsed: unknown = JSON.parse(text === '' ? '{}' : text);
    if (typeof parsed === 'object' && parsed !== null) return { directory, file: parsed };
    warn(`WARNING: Error parsing config file (${path}): json: cannot unmarshal into Go value of type configfile.ConfigFile`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    warn(`WARNING: Error parsing config file (${path}): ${goJsonFault(text, 'decoder') ?? error.message}`);
  }
  return { directory, file: {} };
}
