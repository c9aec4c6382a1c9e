/** How much the own layers of containers may take: what is asked for, and how it is kept by project quotas. */
import { fail } from '#base/errors/failure.ts';
import { readSize } from '#base/read-size.ts';
import type { ProjectQuotas } from '#kernel/project-quota.ts';

/** Docker's texts of a storage driver. */
interface DriverTexts {
  readonly unsupported: string;
  readonly unknown: (option: string) => string;
}

const overlay: DriverTexts = {
  unsupported: "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
  unknown: (option) => `Unknown option ${option}`,
};
const texts: Readonly<Record<string, DriverTexts>> = {
  overlay2: overlay,
  vfs: { unsupported: 'Filesystem does not support, or has not enabled quotas', unknown: (option) => `Storage opt ${option} not supported` },
  'fuse-overlayfs': { unsupported: '--storage-opt is not supported', unknown: () => '--storage-opt is not supported' },
};

export class LayerLimits {
  readonly #texts: DriverTexts;
  readonly #quotas: ProjectQuotas | undefined;
  readonly #standard: number | undefined;

  /** @param options.quotas undefined: the file system has none @param options.standard bytes of who asks for nothing; undefined: no limit @throws snapshot.quotas_unsupported */
  constructor({ driver, quotas, standard }: { readonly driver: string; readonly quotas: ProjectQuotas | undefined; readonly standard: number | undefined }) {
    this.#texts = texts[driver] ?? overlay;
    this.#quotas = quotas;
    this.#standard = standard;
    if (standard !== undefined && quotas === undefined) throw fail('snapshot.quotas_unsupported', { driver });
  }

  /** @throws snapshot.option_refused */
  read(options: Readonly<Record<string, string>>): number | undefined {
    let limit = this.#standard;
    for (const [option, value] of Object.entries(options)) {
      const refused = (message: string): Error => fail('snapshot.option_refused', { message });
      if (option.toLowerCase() !== 'size') throw refused(this.#texts.unknown(option));
      if (this.#quotas === undefined) throw refused(this.#texts.unsupported);
      const read = readSize(value, 1024);
      if ('problem' in read) throw refused(read.problem);
      limit = read.bytes > 0 ? read.bytes : undefined;
    }
    return limit;
  }

  /** To be called while the directory is empty. @throws kernel.syscall_failed */
  apply(directory: string, limit: number | undefined): void {
    if (limit !== undefined) this.#quotas?.limit(directory, limit);
  }
}
