/** Makes a base image where no registry can be reached, from the packages of the distribution. */
import type { Readable } from 'node:stream';
import { familiarName, familiarText } from '#oci/reference.ts';
import { importImage } from '../import-image/import-image.ts';
import type { ImageParts } from '../image-parts.ts';
import type { Report } from '../progress/progress-stream.ts';
import type { BootstrapContext } from './apt.ts';
import { bootstrapTarget, type BootstrapTarget } from './bootstrap-target.ts';
import { busyboxRoot } from './busybox-root.ts';
import { debianRoot } from './debian-root.ts';

const changes: Readonly<Record<BootstrapTarget['kind'], readonly string[]>> = {
  busybox: ['CMD ["sh"]', 'ENV PATH=/bin:/usr/bin:/usr/sbin'],
  debian: ['CMD ["bash"]', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
};

/** @throws image.bootstrap_unknown, image.bootstrap_failed */
export async function bootstrapImage(parts: ImageParts, name: string, options: { report: Report; signal: AbortSignal }): Promise<void> {
  const { report } = options;
  const target = bootstrapTarget(name);
  const text = familiarText(target.name);
  report({ status: `Bootstrapping ${text} from the packages of Debian` });
  // What runs is stopped when the import fails.
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const context: BootstrapContext = { name: text, say: (status) => report({ status }), signal };
  await using directory = await parts.workspace.open('bootstrap');
  let ended: Promise<void> | undefined;
  try {
    let root: Readable;
    if (target.kind === 'busybox') root = await busyboxRoot(context, directory.path);
    else ({ archive: root, ended } = await debianRoot(context, target.suite, directory.path));
    const id = await importImage(parts, root, {
      repository: familiarName(target.name),
      tag: target.name.tag ?? 'latest',
      message: '',
      changes: changes[target.kind],
      source: '-',
      report,
      signal,
    });
    report({ status: id });
    report({ status: `Status: Bootstrapped ${text}` });
  } finally {
    stop.abort();
    // Its files cannot be removed before it is gone.
    await ended;
  }
}
