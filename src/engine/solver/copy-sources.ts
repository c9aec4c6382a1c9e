/** Finds what the arguments of COPY and ADD mean in a tree: Go's `filepath.Match`, `--parents`, `--exclude`. */
import { createHash, hash as hashAtOnce, randomUUID } from 'node:crypto';
import { posix } from 'node:path';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { IgnorePatterns } from '#base/ignore-patterns.ts';
import { sourceHash, sourceText, walkSource, type SourceNode, type SourceTree } from '#build/source-tree.ts';
import { compilePattern } from '#oci/path-pattern.ts';
import { hasWildcard } from '../build/select-sources.ts';
import type { CopyPart } from './build-node.ts';

/** One file or directory to copy. */
export interface FoundSource {
  readonly tree: SourceTree;
  /** Its last part names a copied file. */
  readonly path: string;
  readonly node: SourceNode;
  /** Where below the destination it goes; empty: there. */
  readonly below: string;
  readonly unpack: boolean;
}

export interface CopyChoice {
  readonly part: CopyPart;
  readonly excludes: readonly string[];
  /** Names the input in failures. */
  readonly ref: string;
  /** The input is an image as it is, and failures are told as of its files. */
  readonly ofImage: boolean;
}

/** @throws build.solve_failed for what is not there */
export function findSources(tree: SourceTree, { part, excludes, ref, ofImage }: CopyChoice): FoundSource[] {
  checkExcludes(excludes, ref);
  if (!part.pattern) {
    const node = part.path === '' ? onlyFile(tree) : { path: part.path, node: tree.find(part.path) };
    if (node?.node === undefined) throw missing(part.path, ref);
    return [{ tree, path: node.path, node: node.node, below: '', unpack: part.unpack }];
  }
  if (part.parents) return withParents(tree, { part, excludes, ref, ofImage });
  const path = posix.join('/', part.path).slice(1).replace(/(?<=.)\/$/, '');
  const names = hasWildcard(path) ? matching(tree, path) : [path];
  const found = names.flatMap((name): FoundSource[] => {
    const node = tree.find(name);
    if (node === undefined) throw ofImage ? fail('build.solve_failed', { message: `lstat /${name}: no such file or directory` }) : missing(`/${name}`, ref);
    const kept = node.kind === 'directory' ? without(node, excludes) : node;
    return [{ tree, path: name, node: kept, below: '', unpack: part.unpack }];
  });
  return found;
}

/** What BuildKit says before failures of finding what a step is known by. */
export const cacheKeyFailure = 'failed to compute cache key: ';

/** What of the sources counts: all but their times. */
export function hashOfFound(sources: readonly FoundSource[]): string {
  const hash = createHash('sha256');
  for (const { path, node, below, unpack } of sources) {
    const start = `${below}\0${posix.basename(path)}`;
    hash.update(`${String(unpack)}\0${sourceHash(node.kind === 'directory' ? below : start, node)}\n`);
    if (node.kind === 'directory') hash.update(`${contentHash(node)}\n`);
  }
  return hash.digest('hex');
}

/** Of directories, which nobody changes once they are read. */
const contentHashes = new WeakMap<SourceNode, string>();

/** What is in a directory and below. */
function contentHash(directory: SourceNode): string {
  const known = contentHashes.get(directory);
  if (known !== undefined) return known;
  const lines = [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, node]) => {
    const line = sourceText(name, node);
    return node.kind === 'directory' ? `${line} ${contentHash(node)}\n` : `${line}\n`;
  });
  const found = hashAtOnce('sha256', lines.join(''), 'hex');
  contentHashes.set(directory, found);
  return found;
}

/** The path below the last `/./`, or all of it, is kept. */
function withParents(tree: SourceTree, { part, excludes, ref }: CopyChoice): FoundSource[] {
  const pivot = part.path.indexOf('/./');
  const root = pivot < 0 ? '' : posix.join('/', part.path.slice(0, pivot)).slice(1);
  const pattern = posix.join('/', pivot < 0 ? part.path : part.path.slice(pivot + 3)).slice(1);
  const base = tree.find(root);
  const names = base === undefined ? [] : hasWildcard(pattern) ? deepMatching(base, pattern) : [pattern];
  const found = names.flatMap((name): FoundSource[] => {
    const path = posix.join(root, name);
    const node = tree.find(path);
    if (node === undefined || excluded(name, excludes)) return [];
    const below = node.kind === 'directory' ? name : posix.dirname(name) === '.' ? '' : posix.dirname(name);
    return [{ tree, path, node: node.kind === 'directory' ? without(node, excludes, name) : node, below, unpack: part.unpack }];
  });
  if (found.length === 0 && !hasWildcard(pattern)) throw missing(`/${posix.join(root, pattern)}`, ref);
  return found;
}

function onlyFile(tree: SourceTree): { path: string; node: SourceNode | undefined } | undefined {
  const [first] = tree.root.children;
  return first === undefined ? undefined : { path: first[0], node: first[1] };
}

function matching(tree: SourceTree, pattern: string): string[] {
  const expression = compile(pattern);
  return expression === undefined ? [] : [...walkSource(tree.root)].map(({ path }) => path).filter((path) => expression.test(path));
}

/** `**` stands for any number of directories. */
function deepMatching(root: SourceNode, pattern: string): string[] {
  if (!pattern.includes('**')) {
    const expression = compile(pattern);
    return expression === undefined ? [] : [...walkSource(root)].map(({ path }) => path).filter((path) => expression.test(path));
  }
  const patterns = IgnorePatterns.parse(pattern);
  return [...walkSource(root)].filter(({ node }) => node.kind !== 'directory').map(({ path }) => path).filter((path) => patterns.matches(path));
}

function compile(pattern: string): RegExp | undefined {
  try {
    return compilePattern(pattern);
  } catch (error) {
    // A pattern that is none matches nothing.
    if (isFailure(error, 'image.invalid_pattern')) return undefined;
    throw error;
  }
}

/** @throws build.solve_failed with BuildKit's text */
function checkExcludes(excludes: readonly string[], ref: string): void {
  for (const pattern of excludes) {
    try {
      IgnorePatterns.parse(pattern);
    } catch (error) {
      throw fail('build.solve_failed', { message: `${cacheKeyFailure}failed to calculate checksum of ref ${randomUUID()}::${ref}: invalid excludepatterns: [${pattern}]: ${messageOf(error)}` }, error);
    }
  }
}

function excluded(path: string, excludes: readonly string[]): boolean {
  return excludes.length > 0 && IgnorePatterns.parse(excludes.join('\n')).matches(path);
}

/** A directory without what is excluded, patterns being relative to it. */
function without(node: SourceNode, excludes: readonly string[], prefix = ''): SourceNode {
  if (excludes.length === 0) return node;
  // Unlike in the list of what is ignored, a leading slash matches nothing.
  const patterns = IgnorePatterns.parse(excludes.filter((pattern) => !pattern.startsWith('/')).join('\n'));
  const filter = (directory: SourceNode, path: string): SourceNode => {
    const children = new Map<string, SourceNode>();
    for (const [name, child] of directory.children) {
      const at = path === '' ? name : `${path}/${name}`;
      const kept = child.kind === 'directory' ? filter(child, at) : child;
      if (!patterns.matches(at) || (kept.kind === 'directory' && kept.children.size > 0)) children.set(name, kept);
    }
    return { ...directory, children };
  };
  return filter(node, prefix);
}

/** BuildKit's text for a path that an input has not. */
export function missing(path: string, ref: string): Error {
  return fail('build.solve_failed', { message: `${cacheKeyFailure}failed to calculate checksum of ref ${randomUUID()}::${ref}: ${JSON.stringify(posix.join('/', path))}: not found` });
}
