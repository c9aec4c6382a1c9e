/** Opens what is in a root directory that is not trusted (openat2(2)): links, absolute or with `..`, stay inside, and those of `/proc` are refused. */
import { declare, errnoName, lastErrno, syscallError } from './libc.ts';
import { PathBuffer } from './path-bytes.ts';

const openat2 = declare('long syscall(long number, int directory, const uint8_t *path, void *how, size_t size)');
/** The same number on every architecture (added in Linux 5.6). */
const openat2Number = 437;
const resolveNoMagicLinks = 0x02n;
const resolveNoSymlinks = 0x04n;
const resolveInRoot = 0x10n;
const closeOnExec = 0o2000000;
const pathBytes = new PathBuffer();

export interface InRootRequest {
  /** Descriptor of the root; left out: the calling thread's. */
  readonly directory?: number;
  /** One character per byte; absolute. */
  readonly path: string;
  readonly flags: number;
  /** `refused`: the path may have no links. */
  readonly links: 'followed' | 'refused';
}

const resolutions = { followed: 0n, refused: resolveNoSymlinks } as const;
/** With an absolute path the kernel begins at the thread's root. */
const workingDirectory = -100;

/** A descriptor, closed on exec. @throws kernel.syscall_failed */
export function openInRoot({ directory, path, flags, links }: InRootRequest): number {
  const inRoot = directory === undefined ? 0n : resolveInRoot;
  const start = directory ?? workingDirectory;
  const how = new BigUint64Array([BigInt(flags | closeOnExec), 0n, resolveNoMagicLinks | inRoot | resolutions[links]]);
  for (let attempt = 0; ; attempt++) {
    const opened = Number(openat2(openat2Number, start, pathBytes.fill(path, 'openat2'), how, 24));
    if (opened >= 0) return opened;
    const number = lastErrno();
    // The kernel could not tell whether `..` stays inside while somebody was renaming.
    if (errnoName(number) !== 'EAGAIN' || attempt >= 100) throw syscallError('openat2', path, number);
  }
}
