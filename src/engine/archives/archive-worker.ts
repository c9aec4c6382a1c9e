/** A worker thread of the archive use cases: does one job at a time, inside the view of a container, by blocking calls alone. */
import { closeSync, constants } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { EngineError, fail, invariant, messageOf } from '#base/errors/failure.ts';
import { baseName, keepEnding } from '#base/go-path.ts';
import { rootOnHost } from '#base/identity-mapping.ts';
import { formatTimestamp } from '#base/timestamp.ts';
import { detachThreadRoot, enterDirectory, enterRoot } from '#kernel/chroot.ts';
import { enterContainerView } from '#kernel/container-view.ts';
import { actAs } from '#kernel/file-identity.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { nodeKinds, statDescriptor, type NodeStatus } from '#kernel/file-nodes.ts';
import { openInRoot } from '#kernel/open-in-root.ts';
import { ArchiveSource } from '#image/layer/archive-source.ts';
import { BlockingRingReader, BlockingRingWriter, BrokenRing } from '#image/layer/byte-ring.ts';
import { textOf } from '#oci/tar/byte-string.ts';
import type { ContainerPathStat } from '#schema/archive-views.ts';
import { extractArchive } from './extract-archive.ts';
import { TreePacker } from './pack-tree.ts';
import { absolutePath, requireStatus, withoutLinks } from './view-path.ts';
import type { ArchiveJob, ArchiveMessage, ExtractJob, PackJob } from './worker-messages.ts';

invariant(parentPort !== null, 'archive-worker runs as a worker thread');
const port = parentPort;
const say = (message: ArchiveMessage): void => port.postMessage(message);
detachThreadRoot();

port.on('message', (job: ArchiveJob) => {
  try {
    perform(job);
    say({ kind: 'done' });
  } catch (error) {
    if ('ring' in job) new BlockingRingWriter(job.ring).break();
    say(replyOf(error));
  }
});

function perform(job: ArchiveJob): void {
  const { root, mounts, mapping } = job.view;
  using _acting = mapping && actAs(rootOnHost(mapping));
  using _view = enterContainerView(root, mounts);
  switch (job.kind) {
    case 'stat':
      return reportStatus(absolutePath(job.path));
    case 'pack':
      return pack(job);
    case 'export':
      return exportAll(new TreePacker(new BlockingRingWriter(job.ring), mapping));
    case 'extract':
      return extract(job);
  }
}

function reportStatus(path: string): void {
  say({ kind: 'begun', stat: statOf(path, requireStatus(path)) });
}

function pack({ path, ring, view }: PackJob): void {
  const absolute = absolutePath(path);
  const packer = new TreePacker(new BlockingRingWriter(ring), view.mapping);
  // It is announced only once it is held, since the container may take it away.
  if (requireStatus(absolute).kind === nodeKinds.directory) {
    inDirectory(absolute, (descriptor) => {
      say({ kind: 'begun', stat: statOf(absolute, statDescriptor(descriptor)) });
      packer.whole(descriptor, baseName(absolute));
    });
  } else {
    const slash = absolute.lastIndexOf('/');
    inDirectory(absolute.slice(0, slash + 1), () => {
      say({ kind: 'begun', stat: statOf(absolute, requireStatus(absolute.slice(slash + 1))) });
      packer.node(absolute.slice(slash + 1), baseName(absolute));
    });
  }
  packer.end();
}

function exportAll(packer: TreePacker): void {
  say({ kind: 'begun', stat: undefined });
  inDirectory('/', (descriptor) => packer.contents(descriptor, ''));
  packer.end();
}

function extract(job: ExtractJob): void {
  const absolute = keepEnding(withoutLinks(`/${job.path}`, { mustExist: true }), job.path);
  if (requireStatus(absolute).kind !== nodeKinds.directory) throw fail('archive.not_a_directory');
  refuseReadOnly(job, absolute);
  // Without links now: what the container has put there since then is refused.
  const place = openDirectory(absolute, 'refused');
  try {
    say({ kind: 'begun', stat: undefined });
    enterDirectory(place);
    using _root = enterRoot('.');
    extractArchive(new ArchiveSource(new BlockingRingReader(job.ring), Infinity), { ...job.rules, mapping: job.view.mapping });
  } finally {
    closeSync(place);
  }
}

/** Docker's rule: the first mount that the path is in decides, else the root file system. */
function refuseReadOnly({ mountPoints, rootReadOnly }: ExtractJob, absolute: string): void {
  const path = absolute.replace(/\/\.?$/, '');
  const mount = mountPoints.find(({ destination }) => path === destination || path.startsWith(`${destination}/`));
  if (mount?.writable === false) throw fail('archive.volume_read_only');
  if (mount === undefined && rootReadOnly) throw fail('archive.root_read_only');
}

function inDirectory(path: string, work: (descriptor: number) => void): void {
  const descriptor = openDirectory(path, 'followed');
  try {
    enterDirectory(descriptor);
    work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** @throws archive.path_not_found when the container has taken it away */
function openDirectory(path: string, links: 'followed' | 'refused'): number {
  try {
    return openInRoot({ path, flags: constants.O_DIRECTORY | constants.O_RDONLY, links });
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw fail('archive.path_not_found', {}, error);
    throw error;
  }
}

function statOf(path: string, status: NodeStatus): ContainerPathStat {
  return {
    name: textOf(baseName(path)),
    size: status.size,
    mode: fileModeOf(status),
    mtime: formatTimestamp(BigInt(status.modified.seconds) * 1_000_000_000n + BigInt(status.modified.nanoseconds)),
    linkTarget: status.kind === nodeKinds.symlink ? textOf(withoutLinks(path, { mustExist: false })) : '',
  };
}

const kindBits: ReadonlyMap<number, number> = new Map([
  [nodeKinds.directory, 2 ** 31],
  [nodeKinds.symlink, 2 ** 27],
  [nodeKinds.fifo, 2 ** 25],
  [nodeKinds.block, 2 ** 26],
  [nodeKinds.character, 2 ** 26 + 2 ** 21],
  [0o140000, 2 ** 24],
]);

/** Go's `fs.FileMode`. */
function fileModeOf({ kind, mode }: NodeStatus): number {
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (kindBits.get(kind) ?? 0) + special + (mode & 0o777);
}

function replyOf(error: unknown): ArchiveMessage {
  if (error instanceof BrokenRing) return { kind: 'broken' };
  if (error instanceof EngineError) return { kind: 'failed', code: error.code, details: error.details };
  return { kind: 'bug', message: messageOf(error), stack: error instanceof Error ? (error.stack ?? '') : '' };
}
