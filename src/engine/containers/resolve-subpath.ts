/** Where a subpath of a volume or image lies: links are followed and must not lead out. */
import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fail } from '#base/errors/failure.ts';

/** @throws mount.subpath_* with Docker's texts */
export function resolveSubpath(base: string, subpath: string): string {
  const path = join(base, subpath);
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw fail('mount.subpath_missing', { path, missing: firstMissing(path) }, error);
    throw fail('mount.subpath_unresolved', { path, reason: code === 'ENOTDIR' ? 'not a directory' : code === 'ELOOP' ? 'EvalSymlinks: too many links' : String(error) }, error);
  }
  const root = realpathSync(base);
  if (real !== root && !real.startsWith(`${root}/`)) throw fail('mount.subpath_escapes', { base, subpath });
  return real;
}

/** What a walk along the path does not find: of a link, what it leads to. */
function firstMissing(path: string, links = 0): string {
  for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
    const here = end < 0 ? path : path.slice(0, end);
    const target = linkTarget(here);
    if (target === undefined) return here;
    if (target !== '' && links < 40) return firstMissing(join(resolve(dirname(here), target), end < 0 ? '' : path.slice(end)), links + 1);
    if (end < 0) return path;
  }
}

/** Empty: no link. Undefined: nothing is there. */
function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : '';
  } catch {
    return undefined;
  }
}
