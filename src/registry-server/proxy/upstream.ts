/** One upstream registry: requests for a repository's content, authorized by the credentials kept for it. */
import { readFile } from 'node:fs/promises';
import { EngineError, messageOf } from '#base/errors/failure.ts';
import { acceptedManifestTypes } from '#oci/media-types.ts';
import { anonymous } from '#registry/credentials.ts';
import type { Answer } from '#registry/http-exchange.ts';
import { proxySettings } from '#registry/proxy-settings.ts';
import { readAnswer } from '#registry/read-answer.ts';
import { RegistryConnection } from '#registry/registry-connection.ts';
import { Refusal } from '../http/refusal.ts';
import type { UpstreamOptions } from '../server-options.ts';

const hub = 'registry-1.docker.io';
const userAgent = 'dhow-registry';
const largestAnswer = 8 * 1024 * 1024;
/** After a connection has failed, requests do not try anew for so long, in milliseconds. */
const restAfterFailure = 3_000;

export class Upstream implements Disposable {
  readonly options: UpstreamOptions;
  readonly #base: URL;
  #connection: Promise<RegistryConnection> | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;
  #failure = '';

  constructor(options: UpstreamOptions) {
    this.options = options;
    this.#base = new URL(options.url);
  }

  /** Whether clients may mean it by this `ns`. */
  isNamed(namespace: string): boolean {
    return namespace === this.options.name || namespace === this.#base.host || (this.#base.host === hub && ['docker.io', 'index.docker.io'].includes(namespace));
  }

  /** The repository's name there. */
  remoteName(copy: string): string {
    const name = copy.slice(this.options.name.length + 1);
    return this.#base.host === hub && !name.includes('/') ? `library/${name}` : name;
  }

  /** Asks for a manifest. @throws UNAVAILABLE when there is no answer */
  async manifest(copy: string, reference: string, options: { method: 'GET' | 'HEAD'; signal: AbortSignal }): Promise<Answer> {
    return await this.#send(copy, `/manifests/${reference}`, { method: options.method, headers: { Accept: acceptedManifestTypes.join(', ') }, signal: options.signal });
  }

  async blob(copy: string, digest: string, options: { method: 'GET' | 'HEAD'; offset?: number; signal: AbortSignal }): Promise<Answer> {
    const offset = options.offset ?? 0;
    return await this.#send(copy, `/blobs/${digest}`, { method: options.method, headers: offset === 0 ? {} : { Range: `bytes=${offset}-` }, signal: options.signal });
  }

  /** A document, whole; undefined where the upstream has none. @throws UNAVAILABLE */
  async document(copy: string, path: string, signal: AbortSignal): Promise<{ value: unknown; link: string | undefined } | undefined> {
    const answer = await this.#send(copy, path, { method: 'GET', headers: {}, signal });
    if (answer.status !== 200) {
      answer.body.resume();
      if (answer.status === 404) return undefined;
      throw this.unavailable(`it answers ${answer.statusText}`);
    }
    const bytes = await readAnswer(answer.body, path, largestAnswer);
    const { link } = answer.headers;
    return { value: JSON.parse(bytes.toString('utf8')), link: Array.isArray(link) ? link.join(', ') : link };
  }

  /** The error for an upstream that does not help. */
  unavailable(reason: string, cause?: unknown): Refusal {
    return new Refusal('UNAVAILABLE', { message: `the upstream ${this.#base.host} does not help: ${reason}`, headers: { 'Retry-After': '5' }, cause });
  }

  [Symbol.dispose](): void {
    void this.#connection?.then((connection) => connection[Symbol.dispose]()).catch(() => undefined);
  }

  async #send(copy: string, path: string, options: { method: 'GET' | 'HEAD'; headers: Record<string, string>; signal: AbortSignal }): Promise<Answer> {
    if (Date.now() - this.#failedAt < restAfterFailure) throw this.unavailable(this.#failure);
    const remote = this.remoteName(copy);
    try {
      this.#connection ??= this.#open(options.signal);
      const connection = await this.#connection;
      return await connection.send(`/v2/${remote}${path}`, { ...options, scopes: [`repository:${remote}:pull`] });
    } catch (error) {
      if (options.signal.aborted) throw error;
      // It is there, and refuses this repository: for want of its credentials as not there, so that clients do not send us theirs.
      if (error instanceof EngineError && error.code !== 'registry.unreachable') throw new Refusal('DENIED', { status: 404, message: `the upstream ${this.options.name} does not let this registry have it: ${error.message}`, cause: error });
      this.#failedAt = Date.now();
      this.#failure = messageOf(error);
      this.#connection?.then((connection) => connection[Symbol.dispose]()).catch(() => undefined);
      this.#connection = undefined;
      throw this.unavailable(this.#failure, error);
    }
  }

  async #open(signal: AbortSignal): Promise<RegistryConnection> {
    const { username, password, insecure, certificateAuthorities } = this.options;
    const trust = { insecure, ...(certificateAuthorities === undefined ? {} : { ca: [await readFile(certificateAuthorities, 'utf8')] }) };
    return await RegistryConnection.open(
      {
        endpoint: { base: this.#base, mirror: false, trust, proxies: proxySettings({}, process.env) },
        credentials: { ...anonymous, username: username ?? '', password: password ?? '' },
        userAgent,
        scopes: [],
      },
      signal,
    );
  }
}
