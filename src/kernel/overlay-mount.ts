/** Mounts of the overlay file system (kernel, Documentation/filesystems/overlayfs.rst). */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Owner } from '#base/identity-mapping.ts';
import { setAttribute } from './extended-attributes.ts';
import { actingAs } from './file-identity.ts';
import { mount, mountFrom } from './mounts.ts';

/** mount(2) takes options of at most a page with a closing zero. */
const optionLimit = 4095;

export interface OverlayMount {
  /** Absolute directory that all other paths are relative to. */
  readonly home: string;
  /** Topmost first. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly target: string;
  /** An idmapped view of the home, in which all but the target is looked for, and its root there. */
  readonly remapped?: { readonly home: string; readonly root: Owner } | undefined;
}

/**
 * Mounts an overlay. Options hold absolute paths, as they show in `/proc/mounts`, unless these are too
 * long together or have characters in them that mean something there; then relative ones.
 * @throws kernel.syscall_failed
 */
export function mountOverlay(overlay: OverlayMount): void {
  const { target, remapped } = overlay;
  const home = remapped?.home ?? overlay.home;
  const request = { source: 'overlay', target: `${overlay.home}/${target}`, type: 'overlay' };
  const absolute = options(overlay, `${home}/`);
  // The overlay works on its layers as who has mounted it.
  actingAs(remapped?.root, () => {
    if (Buffer.byteLength(absolute) <= optionLimit && !/[:,\\]/.test(home)) mount({ ...request, data: absolute });
    else mountFrom(home, { ...request, data: options(overlay, '') });
  });
}

function options({ lower, upper, work }: OverlayMount, prefix: string): string {
  const directories = lower.map((path) => prefix + path).join(':');
  return `${indexOption()}lowerdir=${directories},upperdir=${prefix}${upper},workdir=${prefix}${work}`;
}

/** Without an index several overlays may be above one lower directory, whatever the kernel's default; older kernels do not know the option. */
function indexOption(): string {
  return existsSync('/sys/module/overlay/parameters/index') ? 'index=off,' : '';
}

/**
 * Gives an upper directory the file system identity that the kernel (6.7 and later) would give it when
 * first mounted. The first mount then shows the same options as every later one, without `uuid=on`.
 * @throws kernel.syscall_failed
 */
export function identifyUpper(upper: string): void {
  setAttribute(Buffer.from(upper).toString('latin1'), 'trusted.overlay.uuid', randomBytes(16));
}
