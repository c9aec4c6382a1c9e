/** Bytes in the forms layers come in besides gzip. */
import { spawn } from 'node:child_process';
import { zstdCompressSync } from 'node:zlib';

/** In so many frames one behind the other. */
export function zstd(bytes: Buffer, frames = 1): Buffer {
  const size = Math.ceil(bytes.length / frames);
  return Buffer.concat(Array.from({ length: frames }, (_unused, index) => zstdCompressSync(bytes.subarray(index * size, (index + 1) * size))));
}

export async function bzip2(bytes: Buffer): Promise<Buffer> {
  const child = spawn('bzip2', ['-c'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(bytes);
  return Buffer.concat(await Array.fromAsync(child.stdout as AsyncIterable<Buffer>));
}
