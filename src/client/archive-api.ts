/** The files of containers: `/containers/{id}/changes`, `/archive` and `/export`. */
import type { ContainerPathStat, FilesystemChange } from '#schema/archive-views.ts';
import type { ResponseMessage } from './http-connection.ts';
import { objectSegment } from './query.ts';
import type { Transport } from './transport.ts';

export class ArchiveApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What the container changed against its image; null: nothing. */
  async changes(reference: string, signal?: AbortSignal): Promise<FilesystemChange[] | null> {
    return this.#transport.json({ method: 'GET', path: pathOf(reference, 'changes'), signal });
  }

  async stat(reference: string, path: string, signal?: AbortSignal): Promise<ContainerPathStat> {
    return statOf(await this.#transport.send({ method: 'HEAD', path: pathOf(reference, 'archive'), query: { path }, signal }));
  }

  /** A tar archive of what is at the path. */
  async copyOut(reference: string, path: string, signal?: AbortSignal): Promise<{ stat: ContainerPathStat; archive: AsyncIterable<Buffer> }> {
    const response = await this.#transport.request({ method: 'GET', path: pathOf(reference, 'archive'), query: { path }, signal });
    return { stat: statOf(response), archive: response.body };
  }

  /** Unpacks a tar archive (maybe compressed) in a directory of the container. */
  async copyIn(
    reference: string,
    path: string,
    archive: AsyncIterable<Uint8Array> | Uint8Array,
    options: { noOverwriteDirNonDir?: boolean; copyUidGid?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.#transport.send({
      method: 'PUT', path: pathOf(reference, 'archive'), body: archive, signal: options.signal, headers: { 'Content-Type': 'application/x-tar' },
      query: { path, noOverwriteDirNonDir: options.noOverwriteDirNonDir === true ? 'true' : undefined, copyUIDGID: options.copyUidGid === true ? 'true' : undefined },
    });
  }

  /** A tar archive of the root file system. */
  async export(reference: string, signal?: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const response = await this.#transport.request({ method: 'GET', path: pathOf(reference, 'export'), signal });
    return response.body;
  }
}

function pathOf(reference: string, kind: string): string {
  return `/containers/${objectSegment('container', reference)}/${kind}`;
}

function statOf(response: ResponseMessage): ContainerPathStat {
  const header = response.headers.get('x-docker-container-path-stat') ?? '';
  // The daemon's answers are trusted to be what the API says of the endpoint.
  return JSON.parse(Buffer.from(header, 'base64').toString()) as ContainerPathStat;
}
