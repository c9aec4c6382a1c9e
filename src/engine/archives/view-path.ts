/**
 * Paths as clients name them, in the view of a container that the calling thread has entered. Trailing slashes
 * and dots keep their meaning, as in Docker's copying. Paths are byte strings. Blocking.
 */
import { fail } from '#base/errors/failure.ts';
import { cleanPath, keepEnding } from '#base/go-path.ts';
import { nodeKinds, readSymlink, statNode, type NodeStatus } from '#kernel/file-nodes.ts';

const linkLimit = 255;

/** Absolute and clean, with the `/.` or `/` that `path` ends in. */
export function absolutePath(path: string): string {
  return keepEnding(cleanPath(`/${path}`), path);
}

/** @throws archive.path_not_found without a container, kernel.syscall_failed (`lstat …`) */
export function requireStatus(path: string): NodeStatus {
  const status = statNode(path);
  if (status === undefined) throw fail('archive.path_not_found');
  return status;
}

/** The path without links. `mustExist` false: what is missing stays as it is named. @throws archive.path_not_found, archive.path_unusable */
export function withoutLinks(path: string, options: { mustExist: boolean }): string {
  let parts = path.split('/');
  let resolved = '';
  let links = 0;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      resolved = resolved.slice(0, Math.max(0, resolved.lastIndexOf('/')));
      continue;
    }
    const next = `${resolved}/${part}`;
    const status = statNode(next);
    if (status === undefined && options.mustExist) throw fail('archive.path_not_found');
    if (status?.kind === nodeKinds.symlink) {
      if (++links > linkLimit) throw fail('archive.path_unusable', { message: `lstat ${path}: too many levels of symbolic links` });
      const target = readSymlink(next);
      if (target.startsWith('/')) resolved = '';
      parts = [...target.split('/'), ...parts];
      continue;
    }
    if (status !== undefined && status.kind !== nodeKinds.directory && parts.some((rest) => rest !== '' && rest !== '.')) {
      if (options.mustExist) throw fail('archive.path_unusable', { message: 'not a directory' });
      return cleanPath(`${next}/${parts.join('/')}`);
    }
    resolved = next;
  }
  return resolved === '' ? '/' : resolved;
}
