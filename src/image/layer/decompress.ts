/** Uncompresses archives of any kind Docker reads, told by their first bytes. */
import { createHash } from 'node:crypto';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { StreamLitter } from '#base/stream-litter.ts';
import { fail } from '#base/errors/failure.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { runProgram } from '#kernel/run-program.ts';
import { unexpectedEnd } from '#oci/tar/tar-errors.ts';
import { inflateFailure } from './inflate-failure.ts';
import { compressionOf, type Compression } from './compression.ts';
import { splitZstdFrames } from './zstd-frames.ts';

/** Each round trip to zlib's thread costs the same for any size. */
const chunkSize = 256 * 1024;

export interface ArchiveBytes {
  /** The uncompressed bytes. Failures are layer.invalid_archive, or the source's own. Must be read to the end or returned. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Digest and length of the archive as it came; undefined digest: as of the uncompressed bytes. To be asked after the last chunk. */
  readonly measured: () => { digest: string | undefined; size: number };
}

export interface DecompressOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Takes the first bytes and answers how to read the rest. Chunks need be valid only until the next is asked for, and those it gives are no longer, either. */
export async function decompress(archive: AsyncIterable<Uint8Array>, options: DecompressOptions): Promise<ArchiveBytes> {
  const { start, rest } = await peek(archive, 6);
  const compression = compressionOf(start);
  const hash = compression === 'none' ? undefined : createHash('sha256');
  let size = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of rest) {
      hash?.update(chunk);
      size += chunk.length;
      yield chunk;
      options.onProgress?.(size);
    }
  };
  return {
    chunks: uncompressed(compression, counted(), options.signal),
    measured: () => ({ digest: hash === undefined ? undefined : `sha256:${hash.digest('hex')}`, size }),
  };
}

/** The first bytes, at least `length` where there are so many, and everything from the first on. */
export async function peek(source: AsyncIterable<Uint8Array>, length: number): Promise<{ start: Buffer; rest: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let have = 0;
  while (have < length) {
    // A chunk is valid until the next is asked for.
    if (chunks.length > 0) chunks.push(Buffer.from(chunks.pop() ?? Buffer.alloc(0)));
    const step = await iterator.next();
    if (step.done === true) break;
    chunks.push(bufferOf(step.value));
    have += step.value.length;
  }
  const [first = Buffer.alloc(0)] = chunks;
  const start = chunks.length <= 1 ? first : Buffer.concat(chunks);
  const rest = async function* (): AsyncGenerator<Buffer> {
    try {
      if (start.length > 0) yield start;
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield bufferOf(step.value);
    } finally {
      await iterator.return?.();
    }
  };
  return { start, rest: rest() };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function uncompressed(compression: Compression, source: AsyncIterable<Buffer>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return source;
    case 'gzip':
      return translated(pipeline(copied(source), createGunzip({ chunkSize }), ignore));
    case 'zstd':
      return translated(pipeline(splitZstdFrames(copied(source)), createZstdDecompress({ chunkSize }), ignore));
    case 'bzip2':
    case 'xz':
      return throughProgram(compression, copied(source), signal);
  }
}

/** What goes into a stream may be read on before it is used. */
async function* copied(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const litter = new StreamLitter();
  for await (const chunk of source) {
    yield Buffer.from(chunk);
    litter.dropped(chunk.length);
  }
}

/** Failures reach the reader of the last stream. */
function ignore(): void {}

async function* translated(stream: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) throw error;
    throw inflateFailure(error, code);
  }
}

async function* throughProgram(program: 'bzip2' | 'xz', source: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stop = new AbortController();
  const output = new PassThrough();
  const input = Readable.from(source, { objectMode: false });
  let sourceFailure: unknown;
  // The program must not take a failed source for a complete one.
  input.on('error', (error) => {
    sourceFailure = error;
    stop.abort(error);
  });
  const ended = runProgram(program, ['-d', '-c'], { input, stdout: (stream) => stream.pipe(output), signal: AbortSignal.any([signal, stop.signal]) });
  ended.catch((error: unknown) => output.destroy(error as Error));
  let complete = false;
  try {
    yield* output;
    const { exitCode, stderr } = await ended;
    complete = true;
    if (exitCode !== 0) throw programFailure(program, stderr);
  } catch (error) {
    if (sourceFailure !== undefined) throw sourceFailure;
    if (failedWith(error, 'ENOENT')) throw fail('layer.invalid_archive', { message: `exec: "${program}": executable file not found in $PATH` }, error);
    throw error;
  } finally {
    if (!complete) stop.abort();
    input.destroy();
    await ended.catch(ignore);
  }
}

function programFailure(program: string, stderr: string): Error {
  if (/unexpected end|ends unexpectedly/i.test(stderr)) return unexpectedEnd();
  return fail('layer.invalid_archive', { message: `${program}: ${stderr.trim() || 'the archive is damaged'}` });
}
