/** Adds blobs to a repository (OCI distribution-spec 1.1, "Pushing blobs"): mounted from another repository, whole, or in chunks that go on where they broke off. */
import { fail } from '#base/errors/failure.ts';
import type { Answer } from './http-exchange.ts';
import { refusalOf } from './registry-error.ts';
import type { Repository } from './repository.ts';

/** Another repository of the same registry that may have the blob. */
export interface MountSource {
  readonly digest: string;
  readonly repository: string;
}

export interface UploadBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Undefined: sent in chunks. */
  readonly length?: number | undefined;
}

/** Begins an upload; undefined when the blob was mounted instead. @throws registry.refused, registry.unauthorized, registry.unreachable */
export async function beginUpload(repository: Repository, options: { mount?: MountSource | undefined; signal: AbortSignal }): Promise<BlobUpload | undefined> {
  const { mount, signal } = options;
  const { path, connection } = repository;
  const url = connection.url(`/v2/${path}/blobs/uploads/`);
  const scopes = [`repository:${path}:push,pull`];
  if (mount !== undefined) {
    url.searchParams.set('from', mount.repository);
    url.searchParams.set('mount', mount.digest);
    scopes.push(`repository:${mount.repository}:pull`);
  }
  const answer = await connection.send(url, { method: 'POST', headers: { 'Content-Length': '0' }, signal, scopes });
  if (answer.status === 201 && mount !== undefined) {
    answer.body.resume();
    return undefined;
  }
  if (answer.status !== 202) throw await refusalOf(answer);
  answer.body.resume();
  return new BlobUpload(repository, placeOf(repository, answer));
}

export class BlobUpload {
  readonly #repository: Repository;
  #place: URL;

  /** @param place where the registry wants the bytes */
  constructor(repository: Repository, place: URL) {
    this.#repository = repository;
    this.#place = place;
  }

  /** Sends bytes that belong at `offset`. @throws registry.refused, registry.unreachable, and what the bytes' source throws */
  async append(body: UploadBody, offset: number, signal: AbortSignal): Promise<void> {
    const { length } = body;
    const headers = {
      'Content-Type': 'application/octet-stream',
      ...(length === undefined ? {} : { 'Content-Length': String(length) }),
      ...(offset > 0 && length !== undefined ? { 'Content-Range': `${offset}-${offset + length - 1}` } : {}),
    };
    const answer = await this.#repository.connection.send(this.#place, { method: 'PATCH', body: body.bytes, headers, signal });
    if (answer.status !== 202) throw await refusalOf(answer);
    answer.body.resume();
    this.#place = placeOf(this.#repository, answer, this.#place);
  }

  /** Names the blob, with its last bytes where there are more. @throws registry.refused, registry.unreachable */
  async finish(digest: string, signal: AbortSignal, body?: UploadBody & { length: number }): Promise<void> {
    const url = new URL(this.#place);
    url.searchParams.set('digest', digest);
    const headers = body === undefined ? { 'Content-Length': '0' } : { 'Content-Type': 'application/octet-stream', 'Content-Length': String(body.length) };
    const answer = await this.#repository.connection.send(url, { method: 'PUT', headers, signal, ...(body === undefined ? {} : { body: body.bytes }) });
    if (answer.status !== 201 && answer.status !== 204 && answer.status !== 202 && answer.status !== 200) throw await refusalOf(answer);
    answer.body.resume();
  }

  /** How many bytes the registry has; undefined when the upload cannot go on. @throws registry.unreachable */
  async received(signal: AbortSignal): Promise<number | undefined> {
    const answer = await this.#repository.connection.send(this.#place, { method: 'GET', signal });
    answer.body.resume();
    if (answer.status !== 204 && answer.status !== 200 && answer.status !== 202) return undefined;
    const range = /^(?:bytes=)?0-(\d+)$/.exec(String(answer.headers['range'] ?? ''));
    this.#place = placeOf(this.#repository, answer, this.#place);
    // An upload without bytes has the range 0-0, too; one byte more or less than none is sent again by offset 0.
    return range === null ? 0 : Number(range[1]) === 0 ? 0 : Number(range[1]) + 1;
  }

  /** Gives it up, so that the registry need not keep what it has. */
  async cancel(signal: AbortSignal): Promise<void> {
    const answer = await this.#repository.connection.send(this.#place, { method: 'DELETE', signal });
    answer.body.resume();
  }
}

/** The next address of an upload. A registry behind a gateway may not know that it is spoken to over TLS: that is never given up. */
function placeOf(repository: Repository, answer: Answer, before?: URL): URL {
  const { location } = answer.headers;
  if (location === undefined || !URL.canParse(location, answer.url.href)) {
    if (before !== undefined) return before;
    throw fail('registry.unexpected_answer', { message: 'registry did not return a Location header for the upload', status: answer.status });
  }
  const place = new URL(location, answer.url);
  const own = repository.connection.url('/');
  if (own.protocol === 'https:' && place.protocol === 'http:' && place.hostname === own.hostname) {
    place.protocol = 'https:';
    place.port = own.port;
  }
  return place;
}
