/**
 * One blob on its way from an upstream into the storage, read by any number of askers while it grows. A broken
 * connection is resumed where it broke. What does not have its digest in the end never becomes a blob, and its askers'
 * answers are cut off.
 */
import { open } from 'node:fs/promises';
import { limitSilence } from '#registry/limit-silence.ts';
import type { Answer } from '#registry/http-exchange.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Upload } from '../storage/upload.ts';
import type { Uploads } from '../storage/uploads.ts';
import type { BlobSource, BlobTarget } from '../http/blob-requests.ts';
import type { Upstream } from './upstream.ts';

const mostAttempts = 5;

export interface DownloadOptions {
  readonly target: BlobTarget;
  readonly upstream: Upstream;
  readonly upload: Upload;
  readonly uploadPath: string;
  readonly uploads: Uploads;
  /** The upstream's answer to the first request. */
  readonly first: Answer;
  readonly size: number;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

export class BlobDownload {
  readonly #options: DownloadOptions;
  /** Settles when the blob is in the storage, or never will be. */
  readonly done: Promise<void>;
  #progress = Promise.withResolvers<void>();
  #failure: unknown;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#progress.promise.catch(() => undefined);
    this.done = this.#run();
    this.done.catch(() => undefined);
  }

  /** The blob from its first byte, as far as it has come and further. */
  async open(): Promise<BlobSource> {
    const handle = await open(this.#options.uploadPath, 'r');
    return { handle, size: this.#options.size, ready: (position, length) => this.#reach(position, length), [Symbol.asyncDispose]: async () => await handle.close() };
  }

  async #reach(position: number, length: number): Promise<void> {
    while (this.#options.upload.size <= position) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#progress.promise;
    }
    // The last bytes are only let go when they are known to be right.
    if (position + length >= this.#options.size) await this.done;
  }

  async #run(): Promise<void> {
    const { upload, uploads, target, size, upstream } = this.#options;
    try {
      for (let attempt = 1; upload.size < size; attempt++) {
        const before = upload.size;
        try {
          await this.#append(attempt === 1 ? this.#options.first : await this.#resume());
          if (upload.size < size) throw new Error(`the body ended after ${upload.size} of ${size} bytes`);
        } catch (error) {
          this.#options.signal.throwIfAborted();
          if (attempt >= mostAttempts || (attempt > 1 && upload.size === before)) throw error;
        }
      }
      if (upload.size > size) throw upstream.unavailable(`it sent more than the ${size} bytes of the blob`);
      await uploads.finish(upload, target.digest);
    } catch (error) {
      this.#failure = error;
      await uploads.drop(upload);
      throw error;
    } finally {
      this.#progress.resolve();
    }
  }

  async #resume(): Promise<Answer> {
    const { upload, upstream, target, signal } = this.#options;
    const answer = await upstream.blob(target.repository, target.digest, { method: 'GET', offset: upload.size, signal });
    const start = Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1] ?? Number.NaN);
    if (upload.size === 0 ? answer.status === 200 : answer.status === 206 && start === upload.size) return answer;
    answer.body.resume();
    throw upstream.unavailable(`it does not resume the blob (${answer.statusText})`);
  }

  async #append(answer: Answer): Promise<void> {
    const { upload, metrics } = this.#options;
    const writer = upload.append();
    let told = upload.size;
    try {
      for await (const chunk of limitSilence(answer.body)) {
        metrics.add('upstream_bytes', chunk.length);
        await writer.write(chunk);
        if (upload.size === told) continue;
        told = upload.size;
        this.#progress.resolve();
        this.#progress = Promise.withResolvers<void>();
      }
    } finally {
      await writer.end();
    }
  }
}
