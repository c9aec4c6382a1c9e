/** Options of a build that are checked before the daemon is asked: secrets, agents, contexts, hosts, names. Texts are buildx's. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { parseCsvRecord } from '#base/csv-record.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { normalizePlatform } from '#cli/container/platform.ts';
import { errnoText } from '#cli/errno-text.ts';
import { parseImageReference } from '#cli/image-reference.ts';
import { BlobDirectory } from './blob-directory.ts';
import type { SecretSource } from './build-session.ts';
import { startKeyAgent } from './key-agent.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export function splitPair(text: string): { name: string; value: string | undefined } {
  const equals = text.indexOf('=');
  return equals < 0 ? { name: text, value: undefined } : { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

function refused(message: string, cause?: unknown): CommandFailure {
  return new CommandFailure(`ERROR: failed to build: ${message}`, 1, cause);
}

/** By id. @throws CommandFailure */
export function readSecrets(texts: readonly string[], environment: Environment): Map<string, SecretSource> {
  return new Map(texts.map((text) => secretOf(text, environment)));
}

function secretOf(text: string, environment: Environment): [string, SecretSource] {
  const values = new Map<string, string>();
  for (const field of parseCsvRecord(text)) {
    const { name, value } = splitPair(field);
    const key = name.toLowerCase();
    if (value === undefined) throw new CommandFailure(`ERROR: invalid field '${field}' must be a key=value pair`);
    if (!['id', 'src', 'source', 'env', 'type'].includes(key)) throw new CommandFailure(`ERROR: unexpected key '${key}' in '${field}'`);
    values.set(key, value);
  }
  const id = values.get('id') ?? '';
  const file = values.get('src') ?? values.get('source') ?? '';
  const variable = values.get('env') ?? '';
  const type = values.get('type') ?? '';
  if (type !== '' && type !== 'file' && type !== 'env') throw new CommandFailure(`ERROR: unsupported secret type ${JSON.stringify(type)}`);
  if (id === '') throw refused('secret missing ID');
  if (type === 'env' || variable !== '' || (file === '' && environment[id] !== undefined)) {
    const name = variable !== '' ? variable : file !== '' ? file : id;
    return [id, { value: environment[name] ?? '' }];
  }
  const path = file === '' ? id : file;
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw refused(`failed to stat ${path}: stat ${path}: no such file or directory`);
  return [id, { file: path }];
}

/** Sockets of agents by id; agents of keys are started, and end with `opened`. @throws CommandFailure */
export async function readAgents(texts: readonly string[], environment: Environment, opened: AsyncDisposableStack): Promise<Map<string, string>> {
  const agents = new Map<string, string>();
  for (const text of texts) {
    const { name, value = '' } = splitPair(text);
    const id = name === '' ? 'default' : name;
    const paths = value.split(',').filter((path) => path !== '');
    const say = (reason: string, cause?: unknown): CommandFailure => refused(`failed to convert agent config {${id} [${paths.join(' ')}] false}: ${reason}`, cause);
    const [first = environment['SSH_AUTH_SOCK'] ?? ''] = paths;
    if (first === '') throw say('invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set');
    const keys = keysAmong(paths.length === 0 ? [first] : paths, (reason, cause) => say(`failed to convert agent config for ID: ${JSON.stringify(id)}: ${reason}`, cause));
    agents.set(id, keys.length === 0 ? first : opened.use(await startKeyAgent(keys)).socket);
  }
  return agents;
}

/** None where the only path is a socket. */
function keysAmong(paths: readonly string[], say: (reason: string, cause?: unknown) => CommandFailure): string[] {
  const [only = ''] = paths;
  const isSocket = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  if (paths.length === 1 && isSocket(only)) return [];
  for (const path of paths) {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) throw say(`stat ${path}: no such file or directory`);
    if (status.isSocket()) throw say('only single socket allowed');
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw say(`failed to read ${path}: read ${path}: ${errnoText(error)}`, error);
    }
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw say(`failed to parse ${path}: ssh: no key found`);
  }
  return [...paths];
}

export interface ContextNames {
  /** Of ours, by the names the build knows them by. */
  readonly directories: Map<string, string>;
  /** Of OCI layouts. */
  readonly stores: Map<string, BlobDirectory>;
}

/** What the daemon is told of a `--build-context`. @throws CommandFailure */
export function readContext(text: string, { directories, stores }: ContextNames): [name: string, address: string] {
  const { name, value } = splitPair(text);
  if (value === undefined || name === '') throw new CommandFailure(`invalid context value: ${text}, expected key=value`);
  if (value.startsWith('target:')) throw refused(`failed to find target ${value.slice('target:'.length)} for context ${name}`);
  if (value.startsWith('oci-layout://')) return [name, layoutContext(name, value.slice('oci-layout://'.length), stores)];
  if (/^(?:https?|git|ssh|docker-image):/.test(value) || value.startsWith('git@')) return [name, value];
  const status = statSync(value, { throwIfNoEntry: false });
  if (status === undefined) throw refused(`failed to get build context ${name}: stat ${value}: no such file or directory`);
  if (!status.isDirectory()) throw refused(`failed to get build context path {${value} <nil>}: not a directory`);
  const key = `context-${name}`;
  directories.set(key, realpathSync(value));
  return [name, `local:${key}`];
}

/** `PATH[:TAG][@DIGEST]`. */
function layoutContext(name: string, text: string, stores: Map<string, BlobDirectory>): string {
  const unresolved = (reason: string): CommandFailure => refused(`oci-layout reference ${JSON.stringify(`oci-layout://${text}`)} could not be resolved: ${reason}`);
  const at = text.indexOf('@');
  const before = at < 0 ? text : text.slice(0, at);
  const colon = before.lastIndexOf(':');
  const hasTag = colon > before.lastIndexOf('/');
  const path = resolve(hasTag ? before.slice(0, colon) : before);
  const tag = hasTag ? before.slice(colon + 1) : 'latest';
  if (statSync(join(path, 'index.json'), { throwIfNoEntry: false }) === undefined) throw unresolved(`could not read ${join(path, 'index.json')}: open ${join(path, 'index.json')}: no such file or directory`);
  const store = new BlobDirectory(path);
  const digest = at < 0 ? (store.find(tag) ?? store.only()) : text.slice(at + 1);
  if (digest === undefined) throw unresolved(`failed to find tag ${JSON.stringify(tag)} in ${join(path, 'index.json')}`);
  const id = `layout-${name.replace(/[^A-Za-z0-9_.-]/g, '_')}`;
  stores.set(`oci:${id}`, store);
  return `oci-layout://${id}:${tag}@${digest}`;
}

/** As the daemon takes them. @throws CommandFailure */
export function readHosts(texts: readonly string[]): string {
  return texts.map((text) => {
    const [, host = '', address = ''] = /^([^=:]+)[=:](.+)$/.exec(text) ?? [];
    const plain = address.replace(/^\[(.*)\]$/, '$1');
    if (host === '' || (plain !== 'host-gateway' && isIP(plain) === 0)) throw refused(`invalid host ${text}`);
    return `${host}=${plain}`;
  }).join(',');
}

/** @throws CommandFailure */
export function checkNetwork(mode: string): void {
  if (['', 'default', 'none', 'host'].includes(mode)) return;
  throw refused(`network mode ${JSON.stringify(mode)} not supported by buildkit - you can define a custom network for your builder using the network driver-opt in buildx create`);
}

/** Several are separated by commas. @throws CommandFailure */
export function checkPlatforms(texts: readonly string[]): void {
  for (const text of texts.flatMap((list) => list.split(','))) {
    try {
      normalizePlatform(text);
    } catch (error) {
      throw refused((error instanceof Error ? error.message : String(error)).replace(/^error parsing specified platform: /, ''), error);
    }
  }
}

/** @throws CommandFailure */
export function checkTags(tags: readonly string[]): void {
  for (const tag of tags) {
    try {
      parseImageReference(tag);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw refused(`invalid tag ${JSON.stringify(tag)}: ${/must be lowercase$/.test(message) ? 'repository name must be lowercase' : message}`, error);
    }
  }
}
