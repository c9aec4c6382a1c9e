/** Which paths of a directory a build asks for: those it names, and what links on the way and at the end lead to. */
import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join, posix } from 'node:path';

const linkLimit = 255;

/** Paths relative to `root`; an empty one stands for everything. What does not exist is left out. */
export function wantedPaths(root: string, follow: readonly string[]): Set<string> {
  const found = new Set<string>();
  for (const path of follow) add(posix.join('/', path).slice(1), 0);
  return found;

  function add(path: string, links: number): void {
    if (links > linkLimit) return;
    const parts = path.split('/').filter((part) => part !== '');
    let way = '';
    for (const [index, part] of parts.entries()) {
      const rest = parts.slice(index + 1);
      if (/[*?[]/.test(part)) {
        const pattern = asExpression(part);
        for (const name of namesIn(join(root, way))) if (pattern.test(name)) add([way, name, ...rest].filter((one) => one !== '').join('/'), links);
        return;
      }
      way = way === '' ? part : `${way}/${part}`;
      const status = statusOf(join(root, way));
      if (status === undefined) return;
      if (!status.isSymbolicLink()) continue;
      found.add(way);
      const target = readlinkSync(join(root, way));
      const next = target.startsWith('/') ? target : posix.join('/', posix.dirname(way), target);
      return add([posix.join('/', next).slice(1), ...rest].join('/'), links + 1);
    }
    found.add(way);
  }
}

/** Whether an entry is wanted: it, a directory on the way to what is, or something in it. */
export function isWanted(path: string, wanted: ReadonlySet<string> | undefined): boolean {
  if (wanted === undefined || wanted.has('')) return true;
  for (const one of wanted) if (one === path || one.startsWith(`${path}/`) || path.startsWith(`${one}/`)) return true;
  return false;
}

/** What cannot be looked at counts as missing. */
function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Go's `filepath.Match` of one part of a path. */
function asExpression(part: string): RegExp {
  let text = '';
  for (let at = 0; at < part.length; at++) {
    const character = part.charAt(at);
    if (character === '*') text += '[^/]*';
    else if (character === '?') text += '[^/]';
    else if (character === '\\') text += literal(part.charAt(++at));
    else if (character === '[') {
      const end = part.indexOf(']', at + 1);
      if (end < 0) return /$^/;
      text += part.slice(at, end + 1);
      at = end;
    } else text += literal(character);
  }
  return new RegExp(`^${text}$`, 's');
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
