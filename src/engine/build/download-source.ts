/** `ADD` of a URL: the file behind it, as a tree of one file. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat, rm } from 'node:fs/promises';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fail } from '#base/errors/failure.ts';
import { SourceTree } from '#build/source-tree.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { HttpExchange } from '#registry/http-exchange.ts';
import type { BuildOutput } from './build-output.ts';
import { refusedAnswer } from './refused-answer.ts';

export interface DownloadOptions {
  readonly spoolPath: string;
  readonly target: string;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
}

/** @throws what stood in the way, in Go's words */
export async function downloadSource(url: string, { spoolPath, target, output, signal }: DownloadOptions): Promise<{ tree: SourceTree; path: string }> {
  // Other than Go's, this platform's reader takes the first part of the path for a host that is not there.
  if (/^https?:\/\/(?:[/?#]|$)/i.test(url)) throw fail('build.step_failed', { message: `Get ${JSON.stringify(url)}: http: no Host in request URL` });
  using http = new HttpExchange({ insecure: false }, 'Go-http-client/1.1');
  const answer = await http.send(new URL(url), { signal, verb: 'Get' });
  if (answer.status >= 400) {
    throw fail('build.step_failed', { message: await refusedAnswer(url, answer) });
  }
  const name = nameOf(url, answer.headers['content-disposition']);
  if (name === '' && target.endsWith('/')) {
    answer.body.destroy();
    await output.text('\n');
    throw fail('build.step_failed', { message: `cannot determine filename for source ${url}` });
  }
  const path = name === '' ? '__unnamed__' : name;
  const file = `${spoolPath}-download`;
  try {
    await pipeline(answer.body, createWriteStream(file, { flags: 'wx', mode: 0o600 }), { signal });
    await output.text('\n');
    const { size } = await stat(file);
    const moment = Date.parse(answer.headers['last-modified'] ?? '');
    const modified = { seconds: Number.isNaN(moment) ? 0 : Math.floor(moment / 1000), nanoseconds: 0 };
    const archive = writeTar([{ header: { name: path, type: 'file', mode: 0o600, size, modified }, body: createReadStream(file) }]);
    return { tree: await SourceTree.read(archive, spoolPath), path };
  } finally {
    await rm(file, { force: true });
  }
}

function nameOf(url: string, disposition: string | undefined): string {
  const { pathname } = new URL(url);
  if (!pathname.endsWith('/')) return posix.basename(decodeURIComponent(pathname));
  const given = /filename="?([^";]+)"?/.exec(disposition ?? '')?.[1] ?? '';
  return given.endsWith('/') ? '' : posix.basename(given);
}
