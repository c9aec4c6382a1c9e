/** Who keeps a mount of a container busy: processes in its mount namespace with files, directories or programs there. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Such as `sleep (pid 17, working directory)`; what ends or cannot be looked at meanwhile is left out. */
export function mountHolders(pid: number, destination: string): string[] {
  const namespace = link(`/proc/${pid}/ns/mnt`);
  const isThere = (path: string | undefined): boolean => path === destination || path?.startsWith(`${destination}/`) === true;
  const holders: string[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || link(`/proc/${name}/ns/mnt`) !== namespace) continue;
    const reasons = [
      ...(isThere(link(`/proc/${name}/cwd`)) ? ['working directory'] : []),
      ...(isThere(link(`/proc/${name}/root`)) ? ['root directory'] : []),
      ...(isThere(link(`/proc/${name}/exe`)) ? ['program'] : []),
      ...new Set(entries(`/proc/${name}/fd`).flatMap((descriptor) => {
        const path = link(`/proc/${name}/fd/${descriptor}`);
        return path !== undefined && isThere(path) ? [path] : [];
      })),
    ];
    if (reasons.length > 0) holders.push(`${read(`/proc/${name}/comm`).trim()} (pid ${name}, ${reasons.join(', ')})`);
  }
  return holders;
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
