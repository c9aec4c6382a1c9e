/**
 * Changes the user's `config.json`: all else in it stays as it is, keys nobody knows too. The file is replaced in one
 * step, with its mode and owner, and where it is a link, the file behind it.
 */
import { chmodSync, chownSync, mkdirSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export type ConfigurationDocument = Record<string, unknown>;

/** In the order in which Docker's CLI writes them; others follow. */
const knownKeys = [
  'auths', 'HttpHeaders', 'psFormat', 'imagesFormat', 'networksFormat', 'pluginsFormat', 'volumesFormat', 'statsFormat', 'detachKeys', 'credsStore', 'credHelpers',
  'serviceInspectFormat', 'servicesFormat', 'tasksFormat', 'secretFormat', 'configFormat', 'nodesFormat', 'pruneFilters', 'proxies', 'currentContext', 'cliPluginsExtraDirs',
  'plugins', 'aliases', 'features', 'experimental',
];

/** `change` gets the document as it is now and gives the one to keep. @throws what reading and writing files throw */
export function changeConfiguration(directory: string, change: (document: ConfigurationDocument) => ConfigurationDocument): void {
  const path = join(directory, 'config.json');
  const changed = change(readDocument(path));
  const whole: ConfigurationDocument = { auths: {}, ...changed };
  const order = [...knownKeys, ...Object.keys(whole).filter((key) => !knownKeys.includes(key))];
  const sorted = Object.fromEntries(order.flatMap((key) => (whole[key] === undefined ? [] : [[key, whole[key]]])));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const target = fileBehind(path);
  const draft = `${target}${process.pid}`;
  try {
    writeFileSync(draft, JSON.stringify(sorted, null, '\t'), { mode: 0o600, flag: 'wx' });
    copyPermissions(target, draft);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function readDocument(path: string): ConfigurationDocument {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return {};
    throw error;
  }
  const document = parse(text);
  return typeof document === 'object' && document !== null && !Array.isArray(document) ? { ...document } : {};
}

/** What is no JSON was told to the user when it was read, and taken for empty. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** A link may point to a file that is not there yet. */
function fileBehind(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EINVAL')) return path;
    throw error;
  }
}

function copyPermissions(from: string, to: string): void {
  const before = statSync(from, { throwIfNoEntry: false });
  if (before?.isFile() !== true) return;
  chmodSync(to, before.mode & 0o777);
  if (before.uid > 0 && before.gid > 0) chownSync(to, before.uid, before.gid);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
