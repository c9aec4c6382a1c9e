/** Gives a tree of files to a client, as fsutil's protocol has it: all entries, then the contents that are asked for. */
import { fail } from '#base/errors/failure.ts';
import { walkSource, type SourceNode, type SourceTree } from '#build/source-tree.ts';
import { packetTypes, Stat } from '#schema/buildkit/file-sync-messages.ts';
import type { PacketStream } from './build-session.ts';
import { goModeOf } from './stat-node.ts';

const chunkSize = 32 * 1024;

/** Answers the bytes sent. @throws build.session_failed */
export async function sendTree(tree: SourceTree, stream: PacketStream, signal: AbortSignal): Promise<number> {
  const files: SourceNode[] = [];
  let bytes = 0;
  const listing = list();
  for await (const packet of stream.packets) {
    signal.throwIfAborted();
    if (packet.type === packetTypes.error) throw fail('build.session_failed', { message: packet.data.toString('utf8') });
    if (packet.type === packetTypes.finish) {
      await listing;
      await stream.send({ type: packetTypes.finish });
      stream.end();
      return bytes;
    }
    if (packet.type === packetTypes.request) await sendFile(packet.id);
  }
  throw fail('build.session_failed', { message: 'the client stopped taking the files' });

  async function list(): Promise<void> {
    const first = new Map<SourceNode, string>();
    for (const { path, node } of walkSource(tree.root)) {
      const linked = node.kind === 'file' ? first.get(node) : undefined;
      if (node.kind === 'file' && linked === undefined) first.set(node, path);
      files.push(node);
      await stream.send({ type: packetTypes.stat, stat: statOf(path, node, linked) });
    }
    await stream.send({ type: packetTypes.stat });
  }

  async function sendFile(id: number): Promise<void> {
    const node = files[id];
    if (node === undefined) throw fail('build.session_failed', { message: `the client asks for file ${id}, which is not there` });
    for await (const chunk of tree.contents(node)) {
      for (let at = 0; at < chunk.length; at += chunkSize) await stream.send({ type: packetTypes.data, id, data: chunk.subarray(at, at + chunkSize) });
      bytes += chunk.length;
    }
    await stream.send({ type: packetTypes.data, id });
  }
}

function statOf(path: string, node: SourceNode, linked: string | undefined): Stat {
  const { uid, gid, size, modified, linkName, deviceMajor, deviceMinor, extendedAttributes } = node;
  return Stat.of({
    path, mode: goModeOf(node), uid, gid, size: node.kind === 'file' ? size : 0, modified: BigInt(modified.seconds) * 1_000_000_000n + BigInt(modified.nanoseconds),
    linkName: linked ?? linkName, deviceMajor, deviceMinor, extendedAttributes: Object.fromEntries(extendedAttributes),
  });
}
