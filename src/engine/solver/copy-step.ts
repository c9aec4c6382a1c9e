/** COPY, ADD and WORKDIR: the archive of a layer with what is copied, placed as the file system below it asks. */
import { Readable } from 'node:stream';
import { posix } from 'node:path';
import { fail, isFailure } from '#base/errors/failure.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import type { SourceNode } from '#build/source-tree.ts';
import type { TarMember } from '#oci/tar/write-tar.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { copyMembers } from '../build/copy-members.ts';
import { copyOwner } from '../build/copy-owner.ts';
import { Destination, type Owner } from '../build/destination.ts';
import type { CopyNode, DirectoryNode } from './build-node.ts';
import { readFileInRoot } from '#kernel/read-file-in-root.ts';
import { parsePasswd } from '#runtime/users/account-files.ts';
import { applyFileMode } from './file-mode.ts';
import type { FoundSource } from './copy-sources.ts';

export interface CopyStepOptions {
  /** The mounted file system that is copied over. */
  readonly root: string;
  /** Of this build's own, for empty directories. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

const rootOwner: Owner = { uid: 0, gid: 0 };

/** @throws build.solve_failed */
export async function* copyArchive(node: CopyNode, sources: readonly FoundSource[], { root, directory, signal }: CopyStepOptions): AsyncGenerator<Buffer, void> {
  const owner = node.owner === '' ? (node.keepOwners ? undefined : rootOwner) : ownerOf(root, node.owner);
  const parents = { owner: owner ?? rootOwner, mode: /^[0-7]+$/.test(node.mode) ? Number.parseInt(node.mode, 8) : undefined };
  // With --link nothing of what lies below is looked at.
  const empty = node.link ? mkdtempSync(`${directory}/link-`) : undefined;
  try {
    const destination = new Destination(empty ?? root, 'refuse');
    yield* writeTar(members()) as AsyncGenerator<Buffer>;

    async function* members(): AsyncGenerator<TarMember, void> {
      for (const { tree, path, node: source, below, unpack } of sources) {
        const target = below === '' ? node.target : `${posix.join(node.target, below)}/`;
        yield* copyMembers(destination, [{ tree, path, node: withMode(source, node.mode), unpack, hash: '' }], { target, owner, directory, signal, parents, unpackedOwner: node.owner === '' ? undefined : owner });
      }
    }
  } finally {
    if (empty !== undefined) rmSync(empty, { recursive: true, force: true });
  }
}

/** @throws build.solve_failed */
export async function* directoryArchive({ path, user }: DirectoryNode, { root }: CopyStepOptions): AsyncGenerator<Buffer, void> {
  const owner = user === '' ? rootOwner : ownerOf(root, user);
  const destination = new Destination(root, 'refuse');
  const resolved = destination.resolve(path);
  const isThere = destination.isDirectory(resolved);
  if (!isThere && destination.isBelowFile(resolved)) throw fail('build.step_failed', { message: `lstat ${path}: not a directory` });
  const members = isThere ? [] : destination.directory(resolved, { last: owner, parents: owner });
  yield* writeTar(members) as AsyncGenerator<Buffer>;
}

/** A stream of what a generator gives. */
export function archiveStream(archive: AsyncGenerator<Buffer, void>): Readable {
  return Readable.from(gathered(archive), { objectMode: false });
}

const pieceSize = 64 * 1024;

/** Small pieces together: each by itself costs more than it carries. */
async function* gathered(archive: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const piece of archive) {
    waiting.push(piece);
    size += piece.length;
    if (size < pieceSize) continue;
    yield waiting.length === 1 ? piece : Buffer.concat(waiting, size);
    waiting = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(waiting, size);
}

/** The same with another mode, for a directory all below it; files of several names stay one. */
function withMode(node: SourceNode, mode: string, done = new Map<SourceNode, SourceNode>()): SourceNode {
  const known = done.get(node);
  if (known !== undefined || mode === '' || node.kind === 'symlink') return known ?? node;
  const directory = node.kind === 'directory';
  const children = new Map([...node.children].map(([name, child]) => [name, withMode(child, mode, done)]));
  const changed: SourceNode = { ...node, mode: applyFileMode(mode, node.mode, { directory }), children };
  done.set(node, changed);
  return changed;
}

/** As BuildKit has it, a name that the accounts do not know is root's. */
function ownerOf(root: string, text: string): Owner {
  const [user = '', group] = text.split(':');
  const uid = ownerPart(root, user, 'uid');
  // Without a group it is the user's own where the user is named.
  const own = group === undefined && !/^\d+$/.test(user) ? parsePasswd(readFileInRoot(root, 'etc/passwd') ?? '').find(({ name }) => name === user)?.gid : undefined;
  return { uid, gid: own ?? ownerPart(root, group ?? user, 'gid') };
}

function ownerPart(root: string, name: string, part: keyof Owner): number {
  try {
    return copyOwner(root, part === 'uid' ? `${name}:0` : `0:${name}`)[part];
  } catch (error) {
    if (!isFailure(error, 'build.step_failed')) throw error;
    return 0;
  }
}
