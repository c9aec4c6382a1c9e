/**
 * `userns-remap`: which users of the host stand for those of containers, from the accounts of the system and
 * `/etc/subuid` and `/etc/subgid` (subuid(5)). Rules and words are dockerd's.
 */
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { rootOnHost, type IdentityMapping, type IdentityRange } from '#base/identity-mapping.ts';
import { runProgram } from '#kernel/run-program.ts';

/** The account that `default` stands for. */
const defaultAccount = 'dockremap';
const rangeSize = 65536;
const firstRange = 100_000;
/** Numbers end below this. */
const lastRange = 2 ** 32 - 1 - rangeSize;

export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

/** Undefined: nobody is remapped (`root`). `create` is asked for the account of `default` where it is missing. @throws daemon.invalid_option */
export async function readUserRemapping(asked: string, readFiles: () => AccountFiles, create: (files: AccountFiles) => Promise<void>): Promise<IdentityMapping | undefined> {
  const parts = asked.split(':');
  const [first = '', group] = parts;
  if (parts.length > 2) throw refuse(`Invalid user/group specification in --userns-remap: "${asked}"`);
  let files = readFiles();
  const wanted = first === 'default' ? defaultAccount : first;
  if (first === 'default' && accountOf(files.passwd, defaultAccount) === undefined) {
    await create(files);
    files = readFiles();
  }
  const user = accountOf(files.passwd, wanted);
  if (user === undefined) throw refuse(`${isNumber(wanted) ? `Uid ${wanted} has no entry in /etc/passwd` : `Error during uid lookup for "${wanted}"`}: ${missing(wanted, 'passwd')}`);
  if (group === undefined && accountOf(files.group, wanted) === undefined) {
    throw refuse(`${isNumber(wanted) ? `Gid ${wanted} has no entry in /etc/group` : `Error during gid lookup for "${wanted}"`}: ${missing(wanted, 'group')}`);
  }
  if (group !== undefined && accountOf(files.group, group) === undefined) {
    throw refuse(`${isNumber(group) ? `Gid ${group} has no entry in /etc/passwd` : `Error during groupname lookup for "${group}"`}: ${missing(group, 'group')}`);
  }
  if (user.name === 'root') return undefined;
  const uids = rangesOf(files.subuid, user);
  const gids = rangesOf(files.subgid, user);
  for (const [ranges, name] of [[uids, 'subuid'], [gids, 'subgid']] as const) {
    if (ranges.length === 0) throw refuse(`Can't create ID mappings: no ${name} ranges found for user "${user.name}"`);
  }
  return { uids, gids };
}

/** Whether {@link readUserRemapping} could do it, without making an account. @throws daemon.invalid_option */
export async function checkUserRemapping(asked: string, readFiles: () => AccountFiles): Promise<void> {
  const [first, ...rest] = asked.split(':');
  // The account is made when the daemon starts.
  if (first === 'default' && rest.length < 2 && accountOf(readFiles().passwd, defaultAccount) === undefined) return;
  await readUserRemapping(asked, readFiles, async () => {});
}

export function readAccountFiles(): AccountFiles {
  return { passwd: read('/etc/passwd'), group: read('/etc/group'), subuid: read('/etc/subuid'), subgid: read('/etc/subgid') };
}

/** Makes the account of `default`, with ranges that nobody has. @throws daemon.invalid_option */
export async function createDefaultAccount(files: AccountFiles): Promise<void> {
  await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', defaultAccount]);
  const after = readAccountFiles();
  for (const [file, before, option] of [[after.subuid, files.subuid, '--add-subuids'], [after.subgid, files.subgid, '--add-subgids']] as const) {
    // Some systems give ranges to every new account.
    if (rangesOf(file, { name: defaultAccount, id: '' }).length > 0) continue;
    const start = freeRange(before);
    await run('usermod', [option, `${start}-${start + rangeSize - 1}`, defaultAccount]);
  }
}

async function run(program: string, parameters: readonly string[]): Promise<void> {
  const reason = await runProgram(program, parameters).then(({ exitCode, stderr }) => (exitCode === 0 ? undefined : stderr.trim()), (error: unknown) => String(error));
  if (reason !== undefined) throw refuse(`Error during "${defaultAccount}" user creation: ${program} ${parameters.join(' ')}: ${reason}; make the account and its ranges in /etc/subuid and /etc/subgid by hand`);
}

/** The first numbers after all that are given away. */
export function freeRange(file: string): number {
  const start = entriesOf(file).reduce((end, [, from, count]) => Math.max(end, Number(from) + Number(count)), firstRange);
  if (start > lastRange) throw refuse('no available subordinate ID range: /etc/subuid and /etc/subgid give away the last numbers');
  return start;
}

interface Account {
  readonly name: string;
  readonly id: string;
}

function accountOf(file: string, asked: string): Account | undefined {
  const found = entriesOf(file).find(([name, , id]) => (isNumber(asked) ? Number(id) === Number(asked) : name === asked));
  return found === undefined ? undefined : { name: found[0] ?? '', id: found[2] ?? '' };
}

/** One after the other, as the container counts. */
function rangesOf(file: string, { name, id }: Account): IdentityRange[] {
  const ranges: IdentityRange[] = [];
  let containerId = 0;
  for (const [who, from, count] of entriesOf(file)) {
    if ((who !== name && who !== id) || !isNumber(from ?? '') || !isNumber(count ?? '') || Number(count) === 0) continue;
    ranges.push({ containerId, hostId: Number(from), size: Number(count) });
    containerId += Number(count);
  }
  return ranges;
}

function entriesOf(file: string): string[][] {
  return file.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(':'));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function missing(name: string, database: string): string {
  return `getent unable to find entry "${name}" in ${database} database`;
}

/**
 * The data root for containers with these users: `<root>/<uid>.<gid>`, which their root may pass through and nobody
 * else. Made if missing. @throws daemon.invalid_option with dockerd's text where a directory above is closed to it
 */
export function remappedDataRoot(dataRoot: string, mapping: IdentityMapping): string {
  const { uid, gid } = rootOnHost(mapping);
  const path = join(resolve(dataRoot), `${uid}.${gid}`);
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  // One that was made for a daemon without these users is closed.
  chmodSync(dataRoot, 0o711);
  mkdirSync(path, { recursive: true, mode: 0o710 });
  chmodSync(path, 0o710);
  chownSync(path, 0, gid);
  for (let above = dirname(path); above !== '/'; above = dirname(above)) {
    const status = statSync(above);
    const open = (status.mode & 0o001) !== 0 || (status.uid === uid && (status.mode & 0o100) !== 0) || (status.gid === gid && (status.mode & 0o010) !== 0);
    if (!open) throw refuse(`a subdirectory in your graphroot path (${path}) restricts access to the remapped root uid/gid; please fix by allowing 'o+x' permissions on existing directories`);
  }
  return path;
}

function refuse(message: string): Error {
  return fail('daemon.invalid_option', { message });
}
