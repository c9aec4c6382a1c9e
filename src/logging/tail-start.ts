/** Finds where the last lines of a log begin. */
import type { LogFile } from './log-file.ts';

/** Where to begin in a file: bytes to pass over, or for a compressed one lines. */
export interface FileStart {
  readonly file: LogFile;
  readonly offset: number;
  readonly lines: number;
}

const newline = 10;
const blockSize = 64 * 1024;

/**
 * The files (oldest first) that hold the last `count` lines; of the newest, only the first `size` bytes
 * count. An unfinished line at the end of a file is none.
 */
export async function tailStarts(files: readonly LogFile[], count: number, size: number): Promise<FileStart[]> {
  const starts: FileStart[] = [];
  let wanted = count;
  for (const file of files.toReversed()) {
    if (wanted <= 0) break;
    const length = file === files.at(-1) ? size : await file.size();
    const start = file.compressed ? await startInStream(file, wanted) : await startInFile(file, wanted, length);
    wanted -= start.found;
    starts.unshift({ file, offset: start.offset, lines: start.lines });
  }
  return starts;
}

interface Found {
  readonly offset: number;
  readonly lines: number;
  readonly found: number;
}

/** Reads backwards, block by block. */
async function startInFile(file: LogFile, wanted: number, size: number): Promise<Found> {
  const buffer = Buffer.allocUnsafe(blockSize);
  let ends = 0;
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - blockSize);
    const block = buffer.subarray(0, end - begin);
    const length = await file.read(block, begin);
    for (let place = length; place > 0; ) {
      place = block.lastIndexOf(newline, place - 1);
      if (place === -1) break;
      ends += 1;
      if (ends > wanted) return { offset: begin + place + 1, lines: 0, found: wanted };
      if (place === 0) break;
    }
    end = begin;
  }
  return { offset: 0, lines: 0, found: ends };
}

/** A compressed file is read twice: to count, and to be given out. */
async function startInStream(file: LogFile, wanted: number): Promise<Found> {
  let ends = 0;
  for await (const chunk of file.content()) {
    for (let place = chunk.indexOf(newline); place !== -1; place = chunk.indexOf(newline, place + 1)) ends += 1;
  }
  return { offset: 0, lines: Math.max(0, ends - wanted), found: Math.min(ends, wanted) };
}
