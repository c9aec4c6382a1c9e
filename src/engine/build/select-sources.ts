/** Finds what the arguments of COPY and ADD mean in a tree of sources. Wildcards are Go's `filepath.Match`. */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { fail, isFailure } from '#base/errors/failure.ts';
import { sourceHash, walkSource, type SourceNode, type SourceTree } from '#build/source-tree.ts';
import { compilePattern } from '#oci/path-pattern.ts';
import type { CopySource } from './copy-members.ts';

export interface Selection {
  readonly tree: SourceTree;
  /** Whether the tree is the build's context, which failures then name. */
  readonly isContext: boolean;
  readonly unpack: boolean;
}

/** @throws Error without the instruction's name */
export function selectSources(argument: string, { tree, isContext, unpack }: Selection): CopySource[] {
  if (isContext) checkInside(argument);
  const path = relativePath(argument);
  if (hasWildcard(path)) {
    return matching(tree, path).map((name) => sourceAt(tree, name, { isContext, unpack }));
  }
  return [sourceAt(tree, path, { isContext, unpack })];
}

/** Without the slash or dot it begins with. */
export function relativePath(argument: string): string {
  return argument.replace(/^\//, '').replace(/^\.\//, '');
}

export function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\./gs, ''));
}

/** The directory in which a pattern begins to match. */
export function literalPrefix(path: string): string {
  const parts = path.split('/');
  const first = parts.findIndex(hasWildcard);
  return parts.slice(0, first).join('/');
}

/** What the sources of an instruction are known by in its image's history. */
export function hashOfSources(sources: readonly CopySource[]): string {
  const [only] = sources;
  if (sources.length === 1 && only !== undefined) return only.hash;
  return `multi:${createHash('sha256').update(sources.map(({ hash }) => hash).join(',')).digest('hex')}`;
}

function checkInside(argument: string): void {
  const path = posix.normalize(argument.replace(/^\/+/, ''));
  if (path === '..' || path.startsWith('../')) throw fail('build.step_failed', { message: `forbidden path outside the build context: ${argument} ()` });
}

function sourceAt(tree: SourceTree, path: string, { isContext, unpack }: Omit<Selection, 'tree'>): CopySource {
  const node = tree.find(path);
  if (node === undefined) {
    const missing = `stat ${path}: file does not exist`;
    throw fail('build.step_failed', { message: isContext ? `file not found in build context or excluded by .dockerignore: ${missing}` : missing });
  }
  return { tree, path, node, hash: hashAt(path, node), unpack };
}

function hashAt(path: string, node: SourceNode): string {
  if (node.kind !== 'directory') return `file:${sourceHash(path, node)}`;
  const start = posix.normalize(path === '' ? '.' : path);
  const below = [...walkSource(node)].map((child) => sourceHash(start === '.' ? child.path : `${start}/${child.path}`, child.node));
  const hashes = start === '.' ? below : [sourceHash(start, node), ...below];
  return `dir:${createHash('sha256').update(hashes.sort().join(',')).digest('hex')}`;
}

function matching(tree: SourceTree, pattern: string): string[] {
  let expression: RegExp;
  try {
    expression = compilePattern(pattern);
  } catch (error) {
    // A pattern that is none matches nothing.
    if (isFailure(error, 'image.invalid_pattern')) return [];
    throw error;
  }
  return [...walkSource(tree.root)].map(({ path }) => path).filter((path) => expression.test(path));
}
