/** Pushing blobs: whole, in chunks, in one request, by mounting; asking how far an upload is; giving it up (OCI distribution-spec 1.1, end-4 to end-6, end-11, end-13, end-14). */
import type { DigestAlgorithm } from '#oci/digest.ts';
import { digestAlgorithm } from '#oci/digest.ts';
import type { Upload } from '../storage/upload.ts';
import type { UploadClaim } from '../storage/uploads.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusal.ts';
import { checkedDigest, checkedName } from './route.ts';
import type { Services } from './services.ts';

const algorithms: readonly string[] = ['sha256', 'sha384', 'sha512'];

/** Begins an upload, or ends it at once where the blob is here already or comes along. */
export async function postUpload(exchange: Exchange, services: Services, repository: string): Promise<void> {
  const { query } = exchange;
  const mount = query.get('mount');
  if (mount !== null) {
    const digest = checkedDigest(mount);
    if (mountBlob(exchange, services, { repository, digest, from: query.get('from') })) return created(exchange, repository, digest);
  }
  const given = query.get('digest');
  const digest = given === null || mount !== null ? undefined : checkedDigest(given);
  const algorithm = digest === undefined ? askedAlgorithm(query) : digestAlgorithm(digest);
  await using claim = await services.uploads.begin(repository, algorithm, { resumable: digest === undefined, interrupt: () => interrupt(exchange) });
  const { upload } = claim;
  if (digest === undefined) return accepted(exchange, upload);
  try {
    await receive(exchange, upload);
    await services.uploads.finish(upload, digest);
  } catch (error) {
    // Its address has not been told, so nobody can go on with it.
    await services.uploads.drop(upload);
    throw error;
  }
  created(exchange, repository, digest);
}

export async function patchUpload(exchange: Exchange, services: Services, target: { repository: string; id: string }): Promise<void> {
  await using claim = await take(exchange, services, target);
  checkRange(exchange, claim.upload);
  await receive(exchange, claim.upload);
  accepted(exchange, claim.upload);
}

/** With the last chunk, or without. */
export async function putUpload(exchange: Exchange, services: Services, target: { repository: string; id: string }): Promise<void> {
  const given = exchange.query.get('digest');
  if (given === null) throw new Refusal('DIGEST_INVALID', { message: 'the digest of the whole blob is missing: it belongs in the query as digest=' });
  const digest = checkedDigest(given);
  await using claim = await take(exchange, services, target);
  checkRange(exchange, claim.upload);
  await receive(exchange, claim.upload);
  await services.uploads.finish(claim.upload, digest);
  created(exchange, target.repository, digest);
}

export async function getUpload(exchange: Exchange, services: Services, target: { repository: string; id: string }): Promise<void> {
  await using claim = await take(exchange, services, target);
  exchange.reply(204, uploadHeaders(claim.upload));
}

export async function deleteUpload(exchange: Exchange, services: Services, target: { repository: string; id: string }): Promise<void> {
  await using claim = await take(exchange, services, target);
  await services.uploads.drop(claim.upload);
  exchange.reply(204);
}

async function take(exchange: Exchange, services: Services, { repository, id }: { repository: string; id: string }): Promise<UploadClaim> {
  return await services.uploads.take(id, repository, () => interrupt(exchange));
}

/** The client goes on with the upload elsewhere: what this request still brings is not waited for. */
function interrupt(exchange: Exchange): void {
  exchange.request.destroy();
}

async function receive(exchange: Exchange, upload: Upload): Promise<void> {
  const before = upload.size;
  const writer = upload.append();
  try {
    await exchange.receive((chunk) => writer.write(chunk));
  } finally {
    // What came before a fault is kept.
    await writer.end();
  }
  const told = exchange.header('content-length');
  if (told !== undefined && upload.size - before !== Number(told)) throw new Refusal('SIZE_INVALID');
}

/** A chunk must begin where the last one ended. */
function checkRange(exchange: Exchange, upload: Upload): void {
  const header = exchange.header('content-range');
  if (header === undefined) return;
  const match = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim());
  const [, first = '', last = ''] = match ?? [];
  const length = exchange.header('content-length');
  const fits = match !== null && Number(first) === upload.size && Number(last) >= Number(first) - 1;
  if (!fits) throw new Refusal('BLOB_UPLOAD_INVALID', { status: 416, message: `the chunk ${header.slice(0, 64)} does not follow the ${upload.size} bytes received`, headers: uploadHeaders(upload) });
  if (length !== undefined && Number(last) - Number(first) + 1 !== Number(length)) throw new Refusal('SIZE_INVALID', { message: `the range ${header} is not of ${length} bytes` });
}

/** True when the repository has the blob now. */
function mountBlob(exchange: Exchange, services: Services, { repository, digest, from }: { repository: string; digest: string; from: string | null }): boolean {
  const { content } = services;
  if (content.storedSize(digest) === undefined) return false;
  const candidates = from === null || from === '' ? content.repositoriesOf(digest) : [checkedName(from)].filter((name) => content.blobSize(name, digest) !== undefined);
  if (!candidates.some((name) => name === repository || exchange.actor.may('pull', name))) return false;
  content.link(repository, digest);
  return true;
}

function askedAlgorithm(query: URLSearchParams): DigestAlgorithm {
  const name = query.get('digest-algorithm') ?? 'sha256';
  if (!algorithms.includes(name)) throw new Refusal('DIGEST_INVALID', { message: `the digest algorithm ${name.slice(0, 64)} is not supported: use one of ${algorithms.join(', ')}` });
  return name as DigestAlgorithm;
}

function accepted(exchange: Exchange, upload: Upload): void {
  exchange.reply(202, uploadHeaders(upload));
}

function created(exchange: Exchange, repository: string, digest: string): void {
  exchange.reply(201, { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest });
}

/** An empty upload's range is told as `0-0`, as every registry does; clients that go on look at what they have sent. */
function uploadHeaders(upload: Upload): Record<string, string> {
  return { Location: `/v2/${upload.repository}/blobs/uploads/${upload.id}`, Range: `0-${Math.max(0, upload.size - 1)}`, 'Docker-Upload-UUID': upload.id };
}
