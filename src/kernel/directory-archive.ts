/** A directory's content as an archive and back, with owners, modes, times, links, holes and extended attributes, by tar(1). */
import { PassThrough, Readable, Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { fail } from '#base/errors/failure.ts';
import { runProgram } from './run-program.ts';

const everything = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls'];
/** tar's status for files that changed while they were read. */
const changedMeanwhile = 1;
/** Bytes of zeros, at least, that an archive ends with. */
const endMark = 512;

/** Ends with kernel.archive_failed when the directory cannot be read. Destroying it ends the work. */
export function packDirectory(directory: string, signal: AbortSignal): Readable {
  const archive = new PassThrough();
  const gone = new AbortController();
  archive.once('close', () => gone.abort());
  const work = runProgram('tar', ['-c', '--sort=name', '--sparse', ...everything, '-C', directory, '.'], {
    signal: AbortSignal.any([signal, gone.signal]),
    stdout: (output) => void output.pipe(archive, { end: false }),
  });
  work.then(
    ({ exitCode, stderr }) => (exitCode <= changedMeanwhile ? archive.end() : archive.destroy(fail('kernel.archive_failed', { directory, reason: stderr.trim() }))),
    (error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return archive;
}

/** Nothing of the archive gets out of the directory. @throws kernel.archive_failed, the signal's reason */
export async function unpackInto(directory: string, archive: Readable, signal: AbortSignal): Promise<void> {
  const source = await inflated(archive);
  const { exitCode, stderr } = await runProgram('tar', ['-x', '-p', '--same-owner', ...everything, '-C', directory], { signal, input: source.plain });
  const broken = source.failure();
  if (broken !== undefined) throw fail('kernel.archive_failed', { directory, reason: broken.message }, broken);
  if (exitCode !== 0) throw fail('kernel.archive_failed', { directory, reason: stderr.trim() });
  // tar takes what breaks off between two files for the whole.
  if (!source.hasEnd()) throw fail('kernel.archive_failed', { directory, reason: 'it breaks off: the zeros that end an archive are missing' });
}

/** What is in the archive where it is compressed, else the archive. It ends, for tar, also where it breaks off: `failure` says so. */
async function inflated(archive: Readable): Promise<{ plain: Readable; failure: () => Error | undefined; hasEnd: () => boolean }> {
  const chunks: AsyncIterator<Buffer> = archive[Symbol.asyncIterator]();
  const first = await chunks.next();
  const magic = first.done === true ? '' : first.value.subarray(0, 4).toString('hex');
  const inflate = magic.startsWith('1f8b') ? createGunzip() : magic === '28b52ffd' ? createZstdDecompress() : new PassThrough();
  let zeros = 0;
  const plain = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const own = trailingZeros(chunk);
      // What is before matters only where a chunk is too short to tell.
      zeros = own === chunk.length ? zeros + own : own;
      done(null, chunk);
    },
  });
  const source = Readable.from(joined(first, chunks), { objectMode: false });
  let failure: Error | undefined;
  const breakOff = (error: Error): void => {
    failure ??= error;
    plain.end();
  };
  source.on('error', breakOff);
  inflate.on('error', breakOff);
  source.pipe(inflate).pipe(plain);
  return { plain, failure: () => failure, hasEnd: () => zeros >= endMark };
}

/** Not more than it takes to know an archive's end. */
function trailingZeros(chunk: Buffer): number {
  let count = 0;
  while (count < chunk.length && count < endMark && chunk[chunk.length - 1 - count] === 0) count++;
  return count;
}

async function* joined(first: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
}
