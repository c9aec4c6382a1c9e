/** A directory in OCI's layout that a build's cache is kept in: its blobs, served to the daemon, and its index. */
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { unary, type GrpcCall, type GrpcMethod } from '#base/grpc/grpc-call.ts';
import { newIdentifier } from '#base/identifier.ts';
import { contentMethods, InfoRequest, InfoResponse, ReadRequest, ReadResponse, storeIdKey, writeActions, WriteRequest, WriteResponse } from '#schema/buildkit/content-messages.ts';

interface IndexEntry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const tagKey = 'org.opencontainers.image.ref.name';
const chunkSize = 512 * 1024;
const indexType = 'application/vnd.oci.image.index.v1+json';

export class BlobDirectory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Digest of what a tag stands for; undefined: there is none. */
  find(tag: string): string | undefined {
    return this.#entries().find(({ annotations }) => annotations?.[tagKey] === tag)?.digest;
  }

  /** Digest of the only document; undefined: there are none, or more. */
  only(): string | undefined {
    const entries = this.#entries();
    return entries.length === 1 ? entries[0]?.digest : undefined;
  }

  /** Gives a document a tag, as the one of that name. */
  name(entry: IndexEntry, tag: string): void {
    const others = this.#entries().filter(({ annotations, digest }) => annotations?.[tagKey] !== tag && !(digest === entry.digest && annotations?.[tagKey] === undefined));
    const document = { schemaVersion: 2, mediaType: indexType, manifests: [...others, { ...entry, annotations: { ...entry.annotations, [tagKey]: tag } }] };
    const path = join(this.#path, 'index.json');
    writeFileSync(`${path}.new`, JSON.stringify(document));
    renameSync(`${path}.new`, path);
    writeFileSync(join(this.#path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  }

  size(digest: string): number | undefined {
    return statSync(this.#blob(digest), { throwIfNoEntry: false })?.size;
  }

  read(digest: string): AsyncIterable<Buffer> {
    return createReadStream(this.#blob(digest), { highWaterMark: chunkSize }) as AsyncIterable<Buffer>;
  }

  /** A place to write a blob to, which gets its name by {@link keep}. */
  draft(digest: string): string {
    mkdirSync(join(this.#blob(digest), '..'), { recursive: true });
    return `${this.#blob(digest)}.${newIdentifier().slice(0, 8)}.draft`;
  }

  keep(draft: string, digest: string): void {
    renameSync(draft, this.#blob(digest));
  }

  #blob(digest: string): string {
    const [, algorithm = '', hex = ''] = /^(sha\d+):([0-9a-f]+)$/.exec(digest) ?? [];
    if (hex === '') throw new GrpcError(statusCodes.invalidArgument, `invalid digest ${digest}`);
    return join(this.#path, 'blobs', algorithm, hex);
  }

  #entries(): readonly IndexEntry[] {
    try {
      return (JSON.parse(readFileSync(join(this.#path, 'index.json'), 'utf8')) as { manifests?: IndexEntry[] }).manifests ?? [];
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }
}

/** Serves directories by the names that the daemon knows them by. */
export function blobServices(directories: ReadonlyMap<string, BlobDirectory>): [string, GrpcMethod][] {
  if (directories.size === 0) return [];
  const of = ({ values }: GrpcCall): BlobDirectory => {
    const [id = ''] = values(storeIdKey);
    const directory = directories.get(id);
    if (directory === undefined) throw new GrpcError(statusCodes.notFound, `no store ${id} was offered`);
    return directory;
  };
  return [
    [contentMethods.info, unary(async (message, call) => {
      const { digest } = InfoRequest.decode(message);
      const size = of(call).size(digest);
      if (size === undefined) throw new GrpcError(statusCodes.notFound, `content ${digest}: not found`);
      return await Promise.resolve(InfoResponse.encode({ info: { digest, size, createdAt: undefined, updatedAt: undefined, labels: {} } }));
    })],
    [contentMethods.read, async (call) => {
      for await (const message of call.messages) {
        const { digest } = ReadRequest.decode(message);
        if (of(call).size(digest) === undefined) throw new GrpcError(statusCodes.notFound, `content ${digest}: not found`);
        let offset = 0;
        for await (const data of of(call).read(digest)) {
          await call.send(ReadResponse.encode({ offset, data }));
          offset += data.length;
        }
        return;
      }
    }],
    [contentMethods.write, async (call) => await takeBlob(call, of(call))],
  ];
}

async function takeBlob({ messages, send }: GrpcCall, directory: BlobDirectory): Promise<void> {
  let draft: string | undefined;
  let stream: ReturnType<typeof createWriteStream> | undefined;
  let offset = 0;
  // Most builds have no such directory, and the module takes long to load.
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  try {
    for await (const message of messages) {
      const { action, expected, data } = WriteRequest.decode(message);
      if (draft === undefined || stream === undefined) {
        draft = directory.draft(expected);
        stream = createWriteStream(draft, { flags: 'wx' });
      }
      if (data.length > 0) {
        hash.update(data);
        offset += data.length;
        if (!stream.write(data)) await once(stream, 'drain');
      }
      if (action === writeActions.commit) {
        stream.end();
        await once(stream, 'close');
        const digest = `sha256:${hash.digest('hex')}`;
        if (digest !== expected) throw new GrpcError(statusCodes.invalidArgument, `unexpected commit digest ${digest}, expected ${expected}`);
        directory.keep(draft, digest);
        draft = undefined;
        await send(WriteResponse.encode({ action, offset, digest }));
        return;
      }
      await send(WriteResponse.encode({ action, offset }));
    }
  } finally {
    stream?.destroy();
    if (draft !== undefined) rmSync(draft, { force: true });
  }
}
