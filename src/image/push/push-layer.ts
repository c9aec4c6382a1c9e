/**
 * Brings one layer into a repository: not at all where it is there, mounted from another repository of the registry,
 * from the kept blob, or compressed while it is sent, and kept for the next time.
 */
import { isFailure } from '#base/errors/failure.ts';
import { newIdentifier, shortIdentifier } from '#base/identifier.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { canonicalName, parseReference } from '#oci/reference.ts';
import { beginUpload, type BlobUpload, type MountSource } from '#registry/blob-upload.ts';
import type { BlobWriter } from '#store/content/contract.ts';
import { byteProgress } from '../progress/byte-progress.ts';
import { isPassing } from '../pull/patience.ts';
import { sendKeptBlob } from './push-blob.ts';
import { patiently, reportState, withoutRequest, type KnownRemote, type PushSession } from './push-session.ts';

export const dockerLayerType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

export interface LayerToPush {
  /** What progress shows the beginning of: the diff id, where it is known. */
  readonly shown: string;
  /** Of a layer that is unpacked here. */
  readonly chainId: string | undefined;
  /** Its form in registries; undefined when it was in none yet. */
  readonly blob: (Descriptor & { readonly repositories: readonly string[] }) | undefined;
}

/** @throws what stands in the way, in Docker's words */
export async function pushLayer(push: PushSession, layer: LayerToPush, known: KnownRemote): Promise<Descriptor> {
  const { slots, signal } = push;
  using _slot = await slots.take(signal, () => reportState(push, layer.shown, 'Waiting'));
  try {
    const descriptor = await new LayerPush(push, layer, known).run();
    known.add(descriptor.digest);
    return descriptor;
  } catch (error) {
    signal.throwIfAborted();
    throw withoutRequest(error);
  }
}

class LayerPush {
  readonly #push: PushSession;
  readonly #layer: LayerToPush;
  readonly #known: KnownRemote;
  #blob: Descriptor | undefined;
  #upload: BlobUpload | undefined;
  #isBroken = false;

  constructor(push: PushSession, layer: LayerToPush, known: KnownRemote) {
    this.#push = push;
    this.#layer = layer;
    this.#known = known;
    this.#blob = layer.blob;
  }

  async run(): Promise<Descriptor> {
    const { blob, shown } = this.#layer;
    if (blob !== undefined && (await this.#isThere(blob.digest))) {
      reportState(this.#push, shown, 'Layer already exists');
      return blob;
    }
    return await patiently(
      this.#push,
      async () => await this.#sendSomehow(),
      (left) => reportState(this.#push, shown, `Retrying in ${left} second${left === 1 ? '' : 's'}`),
    );
  }

  async #isThere(digest: string): Promise<boolean> {
    if (this.#known.has(digest)) return true;
    const { repository, signal } = this.#push;
    try {
      return (await repository.blobSize(digest, signal)) !== undefined;
    } catch (error) {
      signal.throwIfAborted();
      // The upload tells what is wrong, if anything is.
      if (isFailure(error, 'registry.refused') || isFailure(error, 'registry.unauthorized') || isFailure(error, 'registry.unexpected_answer') || isFailure(error, 'registry.unreachable')) return false;
      throw error;
    }
  }

  /** Where the program that compresses fails, another does it at once. */
  async #sendSomehow(): Promise<Descriptor> {
    try {
      return await this.#attempt();
    } catch (error) {
      if (!isFailure(error, 'layer.compression_failed')) throw error;
      return await this.#attempt();
    }
  }

  async #attempt(): Promise<Descriptor> {
    const { parts } = this.#push;
    const { shown, chainId } = this.#layer;
    if (this.#upload === undefined) {
      this.#isBroken = false;
      const mounted = await this.#begin();
      if (mounted !== undefined && this.#blob !== undefined) {
        reportState(this.#push, shown, `Mounted from ${mounted}`);
        return this.#blob;
      }
    }
    const upload = this.#upload;
    if (upload === undefined) throw new Error('bug: a registry mounted a blob nobody named');
    try {
      const kept = this.#blob !== undefined && parts.content.stat(this.#blob.digest) !== undefined ? this.#blob : undefined;
      if (kept === undefined && chainId === undefined) throw new Error(`bug: layer ${shown} is nowhere`);
      const sent = kept === undefined ? await this.#compress(upload, chainId ?? '') : await this.#send(upload, kept);
      reportState(this.#push, shown, 'Pushed');
      return sent;
    } catch (error) {
      this.#isBroken = true;
      // A refused upload is over; one whose connection broke may go on.
      if (!isFailure(error, 'registry.unreachable')) this.#upload = undefined;
      throw error;
    }
  }

  /** Opens an upload, unless the blob can be mounted: then it answers from where. A mount that is refused is done without. */
  async #begin(): Promise<string | undefined> {
    const { repository, signal } = this.#push;
    const sources = this.#mountSources();
    for (const [place, mount] of sources.entries()) {
      let upload;
      try {
        upload = await beginUpload(repository, { mount, signal });
      } catch (error) {
        if (isFailure(error, 'registry.refused') || isFailure(error, 'registry.unauthorized') || isFailure(error, 'registry.unexpected_answer')) continue;
        throw error;
      }
      if (upload === undefined) return mount.repository;
      if (place === sources.length - 1) this.#upload = upload;
      else await upload.cancel(signal);
    }
    this.#upload ??= await beginUpload(repository, { signal });
    return undefined;
  }

  /** Other repositories of the registry, those that are named most alike and then the newest first; more of them the more a mount saves. */
  #mountSources(): MountSource[] {
    const { blob } = this.#layer;
    if (blob === undefined) return [];
    const { name } = this.#push;
    const own = canonicalName(name);
    const attempts = blob.size > 10 * 1024 * 1024 ? 4 : blob.size > 100 * 1024 ? 3 : 1;
    return blob.repositories
      .toReversed()
      .filter((candidate) => candidate !== own)
      .map(parseReference)
      .filter(({ domain }) => domain === name.domain)
      .map(({ path }) => ({ path, likeness: likeness(path, name.path) }))
      .sort((left, right) => right.likeness - left.likeness)
      .slice(0, attempts)
      .map(({ path }) => ({ digest: blob.digest, repository: path }));
  }

  async #send(upload: BlobUpload, blob: Descriptor): Promise<Descriptor> {
    const { blobs } = this.#push;
    blobs.hold(blob.digest);
    const onProgress = this.#progress(blob.size);
    if ((await sendKeptBlob(this.#push, blob, { upload, isResumed: this.#isBroken, onProgress })) === 'done') return blob;
    this.#isBroken = false;
    const { repository, signal } = this.#push;
    const again = await beginUpload(repository, { signal });
    if (again === undefined) throw new Error('bug: a registry mounted a blob nobody named');
    this.#upload = again;
    await sendKeptBlob(this.#push, blob, { upload: again, isResumed: false, onProgress });
    return blob;
  }

  /** Sends what a thread compresses, and keeps it. When the sending breaks, the keeping goes on: the rest is sent from there. */
  async #compress(upload: BlobUpload, chainId: string): Promise<Descriptor> {
    const { parts, signal, blobs } = this.#push;
    // An upload that broke before anything was kept cannot be gone on with.
    if (this.#isBroken) await this.#renew();
    const target = this.#upload ?? upload;
    const compressed = parts.layers.gzipStream(chainId, { signal });
    await using keeping = await Keeping.open(this.#push);
    const source = compressed.bytes[Symbol.asyncIterator]();
    const onProgress = this.#progress(parts.layers.get(chainId)?.size ?? 0);
    // One after the other: a sending that broke off may still be at its last bytes when the keeping goes on.
    let turn: Promise<unknown> = Promise.resolve();
    const pull = async (): Promise<IteratorResult<Buffer>> => {
      const next = turn.then(async () => {
        const step = await source.next();
        if (step.done !== true) await keeping.write(step.value);
        return step;
      });
      turn = next.catch(() => undefined);
      return await next;
    };
    const feed = async function* (): AsyncGenerator<Buffer, void> {
      for (let step = await pull(); step.done !== true; step = await pull()) {
        yield step.value;
        onProgress(compressed.consumed());
      }
    };
    let failure: { error: unknown } | undefined;
    try {
      await target.append({ bytes: feed() }, 0, signal);
    } catch (error) {
      failure = { error };
    }
    try {
      if (failure !== undefined && !isPassing(failure.error)) throw failure.error;
      signal.throwIfAborted();
      // After a failure of the registry's, or an answer before the end.
      while ((await pull()).done !== true);
    } finally {
      await source.return?.(undefined);
    }
    const { digest, size } = compressed.result();
    const blob = { mediaType: dockerLayerType, digest, size };
    blobs.hold(digest);
    if (await keeping.commit(digest)) this.#blob = blob;
    if (failure !== undefined) throw failure.error;
    await target.finish(digest, signal);
    return blob;
  }

  async #renew(): Promise<void> {
    const { repository, signal } = this.#push;
    this.#upload = await beginUpload(repository, { signal });
    this.#isBroken = false;
  }

  #progress(total: number): (bytes: number) => void {
    return byteProgress(this.#push.report, { id: shortIdentifier(this.#layer.shown), status: 'Pushing', total });
  }
}

/** How many parts two paths have in common at their beginning. */
function likeness(left: string, right: string): number {
  const parts = right.split('/');
  const differing = left.split('/').findIndex((part, place) => part !== parts[place]);
  return differing < 0 ? parts.length : differing;
}

/** Keeps a copy of what is sent. A disk that is full ends the keeping, not the push. */
class Keeping implements AsyncDisposable {
  #writer: BlobWriter | undefined;

  private constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  static async open({ parts, signal }: PushSession): Promise<Keeping> {
    return new Keeping(await parts.content.upload(newIdentifier().slice(0, 24), { signal }));
  }

  async write(bytes: Buffer): Promise<void> {
    try {
      await this.#writer?.write(bytes);
    } catch (error) {
      if (!isFailure(error, 'content.disk_full')) throw error;
      await this.#drop();
    }
  }

  /** False when it was not kept. */
  async commit(digest: string): Promise<boolean> {
    try {
      if (this.#writer === undefined) return false;
      await this.#writer.commit(digest);
      this.#writer = undefined;
      return true;
    } catch (error) {
      if (!isFailure(error, 'content.disk_full')) throw error;
      await this.#drop();
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.discard();
  }
}
