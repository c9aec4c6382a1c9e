/** Reads the formats of passwd(5) and group(5) as forgivingly as Docker does: what is missing is empty or 0. */

export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export function parsePasswd(text: string): PasswdEntry[] {
  return entries(text).map(([name = '', , uid = '', gid = '', , home = '']) => ({ name, uid: identifier(uid), gid: identifier(gid), home }));
}

export function parseGroup(text: string): GroupEntry[] {
  return entries(text)
    .filter(([name = '']) => !name.startsWith('#'))
    .map(([name = '', , gid = '', members = '']) => ({ name, gid: identifier(gid), members: members === '' ? [] : members.split(',') }));
}

function entries(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(':'));
}

function identifier(text: string): number {
  return /^[+-]?\d+$/.test(text) ? Number(text) : 0;
}
