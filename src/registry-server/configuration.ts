/**
 * The configuration of a registry server: a JSON document, from a file and from the command line, which counts for more.
 * Every name and value is checked; what is not known is refused with its place.
 */
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { parseGoDuration } from '#base/go-duration.ts';
import { repositoryActions, type AccessRule, type RepositoryAction } from './auth/access-rules.ts';
import { FieldReader } from './field-reader.ts';
import type { AuthenticationOptions, ListenAddress, ServerOptions, UpstreamOptions } from './server-options.ts';

export const defaultStorage = '/var/lib/dhow-registry';
const defaultListen = ':5000';
const day = 24 * 60 * 60_000;
const upstreamName = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/;

export type ConfigurationDocument = Readonly<Record<string, unknown>>;

/** @throws registry_server.unreadable_file */
export function readConfigurationFile(path: string): ConfigurationDocument {
  try {
    const document: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document as ConfigurationDocument;
    throw new Error('it is no JSON object');
  } catch (error) {
    throw fail('registry_server.unreadable_file', { what: 'the configuration file', path, reason: messageOf(error) }, error);
  }
}

/** @throws registry_server.invalid_option */
export function serverOptions(document: ConfigurationDocument): ServerOptions {
  const fields = new FieldReader(document, '');
  const tls = fields.group('tls');
  const garbage = fields.group('garbage');
  const limits = fields.group('limits');
  const authentication = readAuthentication(fields.group('auth'));
  const accessLog = fields.text('accessLog') ?? '-';
  const metricsListen = fields.text('metricsListen');
  const upstreams = fields.groups('upstreams').map(readUpstream);
  const options: ServerOptions = {
    listen: readListen('listen', fields.text('listen') ?? defaultListen),
    storage: resolve(fields.text('storage') ?? defaultStorage),
    tls: tls === undefined ? undefined : { certificate: path(tls, 'certificate'), key: path(tls, 'key'), clientAuthorities: tls.text('clientAuthorities') },
    authentication,
    access: fields.groups('access').map(readRule),
    externalUrl: readUrl(fields, 'externalUrl')?.href.replace(/\/+$/, ''),
    readOnly: fields.flag('readOnly', false),
    allowDelete: fields.flag('delete', true),
    allowSparseIndexes: fields.flag('sparseIndexes', false),
    upstreams,
    defaultUpstream: fields.text('mirror'),
    garbage: {
      interval: duration(garbage, 'interval', 60 * 60_000),
      grace: duration(garbage, 'grace', 60 * 60_000),
      uploadLifetime: duration(garbage, 'uploadLifetime', 7 * day),
      untagged: garbage?.flag('untagged', false) ?? false,
      copyLifetime: duration(garbage, 'copyLifetime', 30 * day),
    },
    accessLog: accessLog === 'off' ? undefined : accessLog,
    metricsListen: metricsListen === undefined ? undefined : readListen('metricsListen', metricsListen),
    limits: {
      headers: duration(limits, 'headers', 20_000),
      silence: duration(limits, 'silence', 60_000),
      slowest: limits?.count('slowest') ?? 128,
      connections: limits?.count('connections') ?? 10_000,
      shutdown: duration(limits, 'shutdown', 8_000),
    },
  };
  for (const group of [fields, tls, garbage, limits]) group?.refuseUnknown();
  checkTogether(options);
  return options;
}

/** `HOST:PORT`, `:PORT`, `[ADDRESS]:PORT`. @throws registry_server.invalid_option */
export function readListen(option: string, text: string): ListenAddress {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw invalid(option, `"${text}" is no address: give HOST:PORT or :PORT`);
  return { host: match[1] ?? match[2] ?? '', port };
}

function checkTogether({ upstreams, defaultUpstream, access, authentication }: ServerOptions): void {
  const names = upstreams.map(({ name }) => name);
  if (defaultUpstream !== undefined && !names.includes(defaultUpstream)) throw invalid('mirror', `there is no upstream "${defaultUpstream}"${names.length === 0 ? '' : ` (there is ${names.join(', ')})`}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid('upstreams', `"${twice}" is there twice`);
  if (authentication.kind === 'outside-tokens' && access.length > 0) throw invalid('access', "rules do not go with an outside token server, whose tokens say what they grant");
}

function readAuthentication(auth: FieldReader | undefined): AuthenticationOptions {
  if (auth === undefined) return { kind: 'none' };
  const htpasswd = auth.text('htpasswd');
  const service = auth.text('service') ?? 'dhow-registry';
  const tokens = auth.flag('tokens', false);
  const lifetime = auth.text('tokenLifetime') === undefined ? 300 : Math.ceil(duration(auth, 'tokenLifetime', 0) / 1000);
  const realm = readUrl(auth, 'realm')?.href;
  const issuer = auth.text('issuer');
  const keys = auth.text('keys');
  auth.refuseUnknown();
  if (realm !== undefined || issuer !== undefined || keys !== undefined) {
    if (realm === undefined || issuer === undefined || keys === undefined) throw invalid('auth', 'an outside token server needs realm, issuer and keys');
    if (htpasswd !== undefined) throw invalid('auth', 'give an htpasswd file or an outside token server, not both');
    return { kind: 'outside-tokens', tokens: { realm, service, issuer, keys } };
  }
  if (htpasswd === undefined) throw invalid('auth', 'an htpasswd file is missing (or realm, issuer and keys of a token server)');
  if (!tokens) return { kind: 'basic', htpasswd };
  if (lifetime < 60) throw invalid('auth.tokenLifetime', 'clients take tokens to last a minute at least');
  return { kind: 'own-tokens', htpasswd, service, lifetime };
}

function readRule(rule: FieldReader): AccessRule {
  const users = rule.texts('users') ?? ['*'];
  const repositories = rule.texts('repositories') ?? ['**'];
  const actions = rule.texts('actions') ?? ['pull'];
  rule.refuseUnknown();
  const wrong = actions.find((action) => !(repositoryActions as readonly string[]).includes(action));
  if (wrong !== undefined) throw invalid(`${rule.place}.actions`, `"${wrong}" is none of ${repositoryActions.join(', ')}`);
  return { users, repositories, actions: actions as RepositoryAction[] };
}

function readUpstream(upstream: FieldReader): UpstreamOptions {
  const name = path(upstream, 'name');
  if (!upstreamName.test(name)) throw invalid(`${upstream.place}.name`, `"${name}" cannot begin the name of a repository: use lower-case letters, digits and single . _ - between them`);
  const url = readUrl(upstream, 'url');
  if (url === undefined) throw invalid(`${upstream.place}.url`, 'it is missing');
  const passwordFile = upstream.text('passwordFile');
  const options: UpstreamOptions = {
    name,
    url: url.href,
    username: upstream.text('username'),
    password: passwordFile === undefined ? upstream.text('password') : readPassword(passwordFile),
    tagLifetime: duration(upstream, 'tagLifetime', 60_000),
    insecure: upstream.flag('insecure', false),
    certificateAuthorities: upstream.text('certificateAuthorities'),
  };
  upstream.refuseUnknown();
  return options;
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw fail('registry_server.unreadable_file', { what: 'the password file', path: file, reason: messageOf(error) }, error);
  }
}

function readUrl(fields: FieldReader, name: string): URL | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) throw invalid(fields.placeOf(name), `"${text}" is no http or https address`);
  return new URL(text);
}

function path(fields: FieldReader, name: string): string {
  const text = fields.text(name);
  if (text === undefined) throw invalid(fields.placeOf(name), 'it is missing');
  return name === 'name' || isAbsolute(text) ? text : resolve(text);
}

function duration(fields: FieldReader | undefined, name: string, initial: number): number {
  const text = fields?.text(name);
  if (fields === undefined || text === undefined) return initial;
  const nanoseconds = parseGoDuration(text);
  if (nanoseconds === undefined || nanoseconds < 0) throw invalid(fields.placeOf(name), `"${text}" is no duration such as 90s, 15m or 24h`);
  return Math.round(Number(nanoseconds) / 1e6);
}

function invalid(option: string, reason: string): Error {
  return fail('registry_server.invalid_option', { option, reason });
}
