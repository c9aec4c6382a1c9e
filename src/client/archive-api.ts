/** The files of containers: `/containers/{id}/changes`, `/archive` and `/export`. */
import type { FilesystemChange } from '#schema/archive-views.ts';
import { objectSegment } from './query.ts';
import type { Transport } from './transport.ts';

export class ArchiveApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What the container changed against its image; null: nothing. */
  async changes(reference: string, signal?: AbortSignal): Promise<FilesystemChange[] | null> {
    return this.#transport.json({ method: 'GET', path: `/containers/${objectSegment('container', reference)}/changes`, signal });
  }
}
