/** Finds what cgroup file systems are mounted. */
import { readFileSync } from 'node:fs';

/** A hierarchy of cgroup v1. */
export interface Hierarchy {
  /** `cpu`, `cpuacct`, …, or `name=systemd`. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
}

export interface CgroupMounts {
  readonly hierarchies: readonly Hierarchy[];
  /** Where the unified hierarchy is mounted; undefined: nowhere. */
  readonly unified: string | undefined;
}

/** Reads /proc/self/mountinfo and /proc/self/cgroup. */
export function findCgroupMounts(): CgroupMounts {
  return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
}

/** As `findCgroupMounts`, from the files' texts. */
export function parseCgroupMounts(mountInfo: string, ownCgroups: string): CgroupMounts {
  const known = ownCgroups.split('\n').map((line) => line.split(':')[1]?.split(',') ?? []);
  const mounted = new Map<string, Hierarchy & { readonly wholeTree: boolean }>();
  let unified: string | undefined;
  for (const line of mountInfo.split('\n')) {
    const [place = '', source = ''] = line.split(' - ');
    const [, , , root, mountPoint] = place.split(' ');
    const [type, , options = ''] = source.split(' ');
    if (mountPoint === undefined || root === undefined) continue;
    const path = unescapeMountPath(mountPoint);
    if (type === 'cgroup2' && (unified === undefined || path === '/sys/fs/cgroup')) unified = path;
    if (type !== 'cgroup') continue;
    const given = options.split(',');
    const controllers = known.find((names) => names.length > 0 && names[0] !== '' && names.every((name) => given.includes(name)));
    if (controllers === undefined) continue;
    // The same hierarchy may be mounted several times; one that shows the whole tree is preferred.
    const key = controllers.join(',');
    if (mounted.get(key)?.wholeTree !== true) mounted.set(key, { controllers, mountPoint: path, wholeTree: root === '/' });
  }
  return { hierarchies: [...mounted.values()].map(({ controllers, mountPoint }) => ({ controllers, mountPoint })), unified };
}

function unescapeMountPath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
