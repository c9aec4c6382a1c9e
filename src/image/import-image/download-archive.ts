/** The archive behind an address, as it comes, with the progress Docker tells. */
import { Readable } from 'node:stream';
import { fail, isFailure } from '#base/errors/failure.ts';
import { HttpExchange } from '#registry/http-exchange.ts';
import { limitSilence } from '#registry/limit-silence.ts';
import type { ProxySettings } from '#registry/proxy-settings.ts';
import { byteProgress } from '../progress/byte-progress.ts';
import type { Report } from '../progress/progress-stream.ts';
import { sourceAddress } from './source-address.ts';

/** As much of an answer that is no archive is told. */
const toldOfAnswer = 16 * 1024;

export interface DownloadOptions {
  readonly proxies?: ProxySettings | undefined;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** Answers when the archive begins; it is read by the stream. @throws image.invalid_address, image.unreachable_address, image.download_refused */
export async function downloadArchive(source: string, { proxies, report, signal }: DownloadOptions): Promise<Readable> {
  const { url, text } = sourceAddress(source);
  const http = new HttpExchange({ insecure: false }, 'Go-http-client/1.1', proxies);
  try {
    const { status, statusText, headers, body } = await http.send(url, { signal, verb: 'Get' });
    if (status >= 400) throw await refusal(text, { status, statusText, body });
    report({ status: `Downloading from ${text}` });
    const length = Number(headers['content-length'] ?? -1);
    return Readable.from(counted(http, body, byteProgress(report, { id: '', status: 'Importing', total: length })), { objectMode: false });
  } catch (error) {
    http[Symbol.dispose]();
    if (isFailure(error, 'registry.unreachable') || isFailure(error, 'registry.unexpected_answer')) {
      // Go tells addresses as they were written.
      throw fail('image.unreachable_address', { message: error.message.replace(JSON.stringify(url.href), JSON.stringify(text)) }, error);
    }
    throw error;
  }
}

async function* counted(http: HttpExchange, body: Readable, onProgress: (bytes: number) => void): AsyncGenerator<Buffer> {
  using _connections = http;
  let bytes = 0;
  for await (const chunk of limitSilence(body)) {
    bytes += chunk.length;
    yield chunk;
    onProgress(bytes);
  }
}

async function refusal(address: string, answer: { status: number; statusText: string; body: Readable }): Promise<Error> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of limitSilence(answer.body)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= toldOfAnswer) break;
  }
  const said = Buffer.concat(chunks).subarray(0, toldOfAnswer).toString('utf8').trim();
  const details = { message: `failed to GET ${address} with status ${answer.statusText}: ${said}` };
  return answer.status === 404 ? fail('image.download_not_found', details) : fail('image.download_refused', details);
}
