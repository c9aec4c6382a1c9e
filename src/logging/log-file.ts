/** One open file of a log. Its identity is its inode, which stays taken while the file is open. */
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

const chunkSize = 256 * 1024;

export interface LogFile extends AsyncDisposable {
  readonly path: string;
  readonly compressed: boolean;
  readonly device: number;
  readonly inode: number;
  /** Fills the buffer from `position`; answers how many bytes there were, 0 at the end. Not for compressed files. */
  read(buffer: Buffer, position: number): Promise<number>;
  size(): Promise<number>;
  /** Everything, decompressed. */
  content(): AsyncIterable<Buffer>;
}

/** Undefined when there is no such file. */
export async function openLogFile(path: string, compressed: boolean): Promise<LogFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { dev: device, ino: inode } = await handle.stat();
    return {
      path,
      compressed,
      device,
      inode,
      read: async (buffer, position) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
      size: async () => (await handle.stat()).size,
      content: () => contentOf(handle, compressed),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* contentOf(handle: FileHandle, compressed: boolean): AsyncGenerator<Buffer> {
  if (!compressed) return yield* bytesOf(handle);
  const stream = createGunzip();
  // A failure to read destroys the stream, whose consumer then gets it.
  const fed = pipeline(bytesOf(handle), stream).catch(() => undefined);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    stream.destroy();
    await fed;
  }
}

async function* bytesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafe(chunkSize);
    const { bytesRead } = await handle.read(buffer, 0, chunkSize, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Whether both are the same file, whatever names it had when they were opened. */
export function isSameFile(a: Pick<LogFile, 'device' | 'inode'>, b: Pick<LogFile, 'device' | 'inode'>): boolean {
  return a.device === b.device && a.inode === b.inode;
}
