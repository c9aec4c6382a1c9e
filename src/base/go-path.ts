/** Paths with the rules of Go's `path/filepath` and of Docker's copying, where a `/` or `/.` at the end has a meaning. */

/** `filepath.Clean`. */
export function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (part !== '..' || !path.startsWith('/')) kept.push(part);
  }
  const clean = kept.join('/');
  if (path.startsWith('/')) return `/${clean}`;
  return clean === '' ? '.' : clean;
}

/** `filepath.Base`: the last name, without slashes at the end; `/` for the root, `.` for nothing. */
export function baseName(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '') return path === '' ? '.' : '/';
  return trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

/** Whether the path ends in a lone dot: what is in the directory, not itself. */
export function namesContents(path: string): boolean {
  return baseName(path) === '.';
}

/** `clean` with the `/.` or `/` at the end of `original`. */
export function keepEnding(clean: string, original: string): string {
  let kept = clean;
  if (!namesContents(kept) && namesContents(original)) kept = kept.endsWith('/') ? `${kept}.` : `${kept}/.`;
  return !kept.endsWith('/') && original.endsWith('/') ? `${kept}/` : kept;
}

/** Directory and name of the entry a path stands for; the name is `.` where it means the directory's contents. */
export function splitEntry(path: string): { directory: string; base: string } {
  const clean = cleanPath(path);
  if (namesContents(path)) return { directory: clean, base: '.' };
  const slash = clean.lastIndexOf('/');
  return { directory: slash < 0 ? '.' : slash === 0 ? '/' : clean.slice(0, slash), base: baseName(clean) };
}
