/** Finds the numbers behind a container's `User` in the accounts of its own root filesystem. */
import { fail } from '#base/errors/failure.ts';
import { readFileInRoot } from '#kernel/read-file-in-root.ts';
import { parseGroup, parsePasswd, type GroupEntry, type PasswdEntry } from './account-files.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The primary group first. */
  readonly additionalGids: readonly number[];
  /** `/` for a user without entry. */
  readonly home: string;
}

const largestIdentifier = 2 ** 31 - 1;

/**
 * `user`: empty, or name or uid, with an optional `:` and group name or gid. The files are read without
 * ever leaving `rootfs`, whatever links they are.
 * @throws runtime.user_not_found, runtime.group_not_found, runtime.identifier_out_of_range
 */
export function resolveUser(rootfs: string, user: string, groupAdd: readonly string[]): ResolvedUser {
  const passwd = parsePasswd(readFileInRoot(rootfs, 'etc/passwd') ?? '');
  const groups = parseGroup(readFileInRoot(rootfs, 'etc/group') ?? '');
  return resolveAccount(user, groupAdd, passwd, groups);
}

/** As `resolveUser`, from entries. */
export function resolveAccount(user: string, groupAdd: readonly string[], passwd: readonly PasswdEntry[], groups: readonly GroupEntry[]): ResolvedUser {
  const [userPart = '', groupPart = ''] = /^([^:]*):?(.*)$/s.exec(user)?.slice(1) ?? [];
  const numericUser = number(userPart);
  const entry = passwd.find((candidate) =>
    userPart === '' ? candidate.uid === 0 : numericUser === undefined ? candidate.name === userPart : candidate.uid === numericUser,
  );
  const uid = entry?.uid ?? identifierOf(userPart, numericUser);
  const primary = groupPart === '' ? (entry?.gid ?? 0) : explicitGroup(groupPart, groups);
  const supplementary =
    groupPart !== '' || entry === undefined || entry.name === ''
      ? []
      : groups.filter((group) => group.members.includes(entry.name)).map((group) => group.gid);
  return {
    uid,
    gid: primary,
    additionalGids: [primary, ...supplementary, ...additionalGroups(groupAdd, groups)],
    home: homeOf(uid, entry, passwd),
  };
}

function identifierOf(userPart: string, numericUser: number | undefined): number {
  if (userPart === '') return 0;
  if (numericUser === undefined) throw fail('runtime.user_not_found', { user: userPart });
  return inRange(numericUser);
}

function explicitGroup(groupPart: string, groups: readonly GroupEntry[]): number {
  const numericGroup = number(groupPart);
  const group = groups.find((candidate) => (numericGroup === undefined ? candidate.name === groupPart : candidate.gid === numericGroup));
  if (group !== undefined) return group.gid;
  if (numericGroup === undefined) throw fail('runtime.group_not_found', { group: groupPart });
  return inRange(numericGroup);
}

function additionalGroups(names: readonly string[], groups: readonly GroupEntry[]): number[] {
  const found = new Set<number>();
  for (const name of names) {
    const group = groups.find((candidate) => candidate.name === name || String(candidate.gid) === name);
    const numeric = number(name);
    if (group !== undefined) found.add(group.gid);
    else if (numeric !== undefined) found.add(inRange(numeric));
    else throw fail('runtime.group_not_found', { group: name });
  }
  return [...found];
}

/** The home of the user's number, as the runtime would look it up. */
function homeOf(uid: number, entry: PasswdEntry | undefined, passwd: readonly PasswdEntry[]): string {
  const home = (entry ?? passwd.find((candidate) => candidate.uid === uid))?.home ?? '';
  return home === '' ? '/' : home;
}

function number(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

function inRange(identifier: number): number {
  if (identifier < 0 || identifier > largestIdentifier) throw fail('runtime.identifier_out_of_range');
  return identifier;
}
