/** Takes a directory that a build gives (fsutil's protocol) and writes it below a path. Nothing leads out of it. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { chmod, link, mkdir, rm, symlink, utimes } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { goModes, Packet, packetTypes, type Stat } from '#schema/buildkit/file-sync-messages.ts';

/** @throws GrpcError for paths that lead out */
export async function receiveDirectory(path: string, messages: AsyncIterable<Buffer>, send: (message: Uint8Array) => Promise<void>): Promise<void> {
  await mkdir(path, { recursive: true });
  const open = new Map<number, { stat: Stat; file: WriteStream }>();
  const directories: Stat[] = [];
  let count = 0;
  let listed = false;
  let thanked = false;
  for await (const message of messages) {
    const packet = Packet.decode(message);
    if (packet.type === packetTypes.error) throw new GrpcError(statusCodes.unknown, packet.data.toString('utf8'));
    if (packet.type === packetTypes.finish) break;
    if (packet.type === packetTypes.stat) {
      if (packet.stat === undefined || packet.stat.path === '') listed = true;
      else await entry(packet.stat, count++);
    } else if (packet.type === packetTypes.data) await data(packet.id, packet.data);
    if (listed && open.size === 0 && !thanked) {
      thanked = true;
      await send(Packet.encode({ type: packetTypes.finish }));
    }
  }
  // Their times would change with what is put in them.
  for (const stat of directories.toReversed()) await utimes(join(path, stat.path), seconds(stat), seconds(stat));

  async function entry(stat: Stat, id: number): Promise<void> {
    const target = inside(path, stat.path);
    await mkdir(dirname(target), { recursive: true });
    const is = (bit: number): boolean => Math.floor(stat.mode / bit) % 2 === 1;
    if (is(goModes.directory)) {
      await mkdir(target, { recursive: true });
      await chmod(target, stat.mode % 0o1000);
      directories.push(stat);
      return;
    }
    await rm(target, { recursive: true, force: true });
    if (is(goModes.symlink)) await symlink(stat.linkName, target);
    else if (stat.linkName !== '') await link(inside(path, stat.linkName), target);
    else if (!is(goModes.device) && !is(goModes.namedPipe) && !is(goModes.socket)) {
      const file = createWriteStream(target, { flags: 'wx', mode: 0o600 });
      await once(file, 'open');
      open.set(id, { stat, file });
      await send(Packet.encode({ type: packetTypes.request, id }));
    }
  }

  async function data(id: number, bytes: Buffer): Promise<void> {
    const transfer = open.get(id);
    if (transfer === undefined) throw new GrpcError(statusCodes.invalidArgument, `file ${id} was not asked for`);
    const { file, stat } = transfer;
    if (bytes.length > 0) {
      if (!file.write(bytes)) await once(file, 'drain');
      return;
    }
    file.end();
    await once(file, 'close');
    open.delete(id);
    const target = inside(path, stat.path);
    await chmod(target, stat.mode % 0o1000);
    await utimes(target, seconds(stat), seconds(stat));
  }
}

function inside(root: string, path: string): string {
  const parts = path.split('/');
  if (path.startsWith('/') || parts.includes('..') || path.includes('\0')) throw new GrpcError(statusCodes.invalidArgument, `the path ${JSON.stringify(path)} leads out of the directory`);
  return join(root, path);
}

function seconds({ modified }: Stat): number {
  return Number(modified) / 1e9;
}
