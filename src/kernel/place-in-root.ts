/** Where the links of a root file system lead, whether something is there or not; never out of the root. */
import { readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Absolute in the root. True only as long as nobody changes the file system. */
export function placeInRoot(rootfs: string, destination: string): string {
  const names = destination.split('/');
  let place = '/';
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(place, name);
    const target = name === '..' || links > 40 ? undefined : linkTarget(rootfs + next);
    if (target === undefined) place = next;
    else {
      links++;
      names.unshift(...target.split('/'));
      place = target.startsWith('/') ? '/' : dirname(next);
    }
  }
  return place;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // No link, or nothing.
    return undefined;
  }
}
