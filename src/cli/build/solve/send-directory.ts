/** Gives the daemon a directory, as fsutil's protocol has it: every entry, then the contents that are asked for. */
import { createReadStream, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { IgnorePatterns } from '#base/ignore-patterns.ts';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { goModes, Packet, packetTypes, Stat } from '#schema/buildkit/file-sync-messages.ts';
import { sortedByBytes } from './sorted-by-bytes.ts';
import { isWanted, wantedPaths } from './wanted-paths.ts';

export interface SentDirectory {
  readonly path: string;
  /** As the daemon asks; empty lists: everything. */
  readonly exclude: readonly string[];
  readonly follow: readonly string[];
}

const chunkSize = 32 * 1024;

/** @throws GrpcError */
export async function sendDirectory(directory: SentDirectory, messages: AsyncIterable<Buffer>, send: (message: Uint8Array) => Promise<void>): Promise<void> {
  const paths: string[] = [];
  const sending = listing();
  sending.catch(() => undefined);
  for await (const message of messages) {
    const packet = Packet.decode(message);
    if (packet.type === packetTypes.error) throw new GrpcError(statusCodes.unknown, packet.data.toString('utf8'));
    if (packet.type === packetTypes.finish) {
      await sending;
      await send(Packet.encode({ type: packetTypes.finish }));
      return;
    }
    if (packet.type === packetTypes.request) await sendFile(packet.id);
  }
  await sending;

  async function listing(): Promise<void> {
    const wanted = directory.follow.length === 0 ? undefined : wantedPaths(directory.path, directory.follow);
    const ignored = IgnorePatterns.parse(directory.exclude.join('\n'));
    for (const stat of entries(directory.path, { wanted, ignored })) {
      paths.push(stat.path);
      await send(Packet.encode({ type: packetTypes.stat, stat }));
    }
    await send(Packet.encode({ type: packetTypes.stat }));
  }

  async function sendFile(id: number): Promise<void> {
    const path = paths[id];
    if (path === undefined) throw new GrpcError(statusCodes.invalidArgument, `file ${id} was not listed`);
    for await (const chunk of createReadStream(join(directory.path, path), { highWaterMark: chunkSize }) as AsyncIterable<Buffer>) await send(Packet.encode({ type: packetTypes.data, id, data: chunk }));
    await send(Packet.encode({ type: packetTypes.data, id }));
  }
}

interface Choice {
  readonly wanted: ReadonlySet<string> | undefined;
  readonly ignored: IgnorePatterns;
}

/** Owners are left out: every file of a context is root's. Blocking, as that is several times faster for many small files. */
function* entries(root: string, { wanted, ignored }: Choice): Generator<Stat, void> {
  const linked = new Map<bigint, string>();
  yield* below('');

  function* below(prefix: string): Generator<Stat, void> {
    const names = sortedByBytes(readdirSync(join(root, prefix), { encoding: 'utf8' }));
    for (const name of names) {
      const path = prefix === '' ? name : `${prefix}/${name}`;
      if (!isWanted(path, wanted)) continue;
      const status = lstatSync(join(root, path), { bigint: true });
      const isDirectory = status.isDirectory();
      const isIgnored = ignored.matches(path);
      if (isIgnored && !(isDirectory && ignored.mayTakeBackBelow(path))) continue;
      const permissions = Number(status.mode & 0o777n) + ((status.mode & 0o4000n) === 0n ? 0 : goModes.setuid) + ((status.mode & 0o2000n) === 0n ? 0 : goModes.setgid) + ((status.mode & 0o1000n) === 0n ? 0 : goModes.sticky);
      const common = { path, modified: status.mtimeNs };
      if (isDirectory) {
        yield Stat.of({ ...common, mode: permissions + goModes.directory });
        yield* below(path);
      } else if (status.isSymbolicLink()) yield Stat.of({ ...common, mode: permissions + goModes.symlink, linkName: readlinkSync(join(root, path)) });
      else if (status.isFile()) {
        const first = status.nlink > 1n ? linked.get(status.ino) : undefined;
        if (status.nlink > 1n && first === undefined) linked.set(status.ino, path);
        yield Stat.of({ ...common, mode: permissions, size: Number(status.size), linkName: first ?? '' });
      } else if (status.isFIFO()) yield Stat.of({ ...common, mode: permissions + goModes.namedPipe });
    }
  }
}
