/**
 * Starts programs without forking the daemon: `posix_spawn` costs the same however much memory the
 * daemon uses, where libuv's fork costs milliseconds. The pids are not known to libuv: see `reaper.ts`.
 */
import { closeSync } from 'node:fs';
import { checked, declare, syscallError } from './libc.ts';

const posixSpawn = declare(
  'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
);
const actionsInit = declare('int posix_spawn_file_actions_init(void *actions)');
const actionsDestroy = declare('int posix_spawn_file_actions_destroy(void *actions)');
const actionsAddDup2 = declare('int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)');
const actionsAddOpen = declare('int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)');
const attributesInit = declare('int posix_spawnattr_init(void *attributes)');
const attributesSetFlags = declare('int posix_spawnattr_setflags(void *attributes, short flags)');
const attributesSetDefault = declare('int posix_spawnattr_setsigdefault(void *attributes, void *set)');
const attributesSetMask = declare('int posix_spawnattr_setsigmask(void *attributes, void *set)');
const fcntl = declare('int fcntl(int fd, int command, int argument)');

// Larger than these opaque types are in any C library (glibc: 80, 336 and 128 bytes).
const ACTIONS_SIZE = 512;
const ATTRIBUTES_SIZE = 1024;
const SIGSET_SIZE = 128;

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const F_DUPFD_CLOEXEC = 1030;
const O_RDWR = 2;

export interface SpawnOptions {
  readonly path: string;
  /** Without the program's name, which is its path. */
  readonly parameters: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Become the program's descriptors 3, 4, … They stay open here. */
  readonly descriptors: readonly number[];
  /** Become its standard input and output, and stay open here; what is not given is /dev/null, as is the standard error. */
  readonly input?: number;
  readonly output?: number;
}

/**
 * Starts a program in a session of its own, with default signal handling, and answers its pid.
 * @throws kernel.syscall_failed
 */
export function posixSpawnDetached(options: SpawnOptions): number {
  const actions = Buffer.alloc(ACTIONS_SIZE);
  const attributes = Buffer.alloc(ATTRIBUTES_SIZE);
  const moved: number[] = [];
  succeeded(actionsInit(actions) as number, 'posix_spawn_file_actions_init');
  try {
    succeeded(attributesInit(attributes) as number, 'posix_spawnattr_init');
    succeeded(attributesSetFlags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) as number, 'posix_spawnattr_setflags');
    succeeded(attributesSetDefault(attributes, Buffer.alloc(SIGSET_SIZE, 0xff)) as number, 'posix_spawnattr_setsigdefault');
    succeeded(attributesSetMask(attributes, Buffer.alloc(SIGSET_SIZE)) as number, 'posix_spawnattr_setsigmask');
    const firstFree = 3 + options.descriptors.length;
    const sources = options.descriptors.map((descriptor) => {
      if (descriptor >= firstFree) return descriptor;
      // It would be overwritten by another's target before its own turn.
      const copy = checked(fcntl(descriptor, F_DUPFD_CLOEXEC, firstFree) as number, 'fcntl');
      moved.push(copy);
      return copy;
    });
    // Before the descriptors from 3 on, which may overwrite these.
    for (const [target, source] of [options.input, options.output, undefined].entries()) {
      if (source === undefined) succeeded(actionsAddOpen(actions, target, '/dev/null', O_RDWR, 0) as number, 'posix_spawn_file_actions_addopen');
      else succeeded(actionsAddDup2(actions, source, target) as number, 'posix_spawn_file_actions_adddup2');
    }
    sources.forEach((source, index) => succeeded(actionsAddDup2(actions, source, 3 + index) as number, 'posix_spawn_file_actions_adddup2'));
    const pid = new Int32Array(1);
    const environment = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`);
    succeeded(posixSpawn(pid, options.path, actions, attributes, [options.path, ...options.parameters, null], [...environment, null]) as number, 'posix_spawn', options.path);
    return pid[0] ?? -1;
  } finally {
    actionsDestroy(actions);
    for (const descriptor of moved) closeSync(descriptor);
  }
}

/** These functions answer the errno itself. */
function succeeded(result: number, syscall: string, path?: string): void {
  if (result !== 0) throw syscallError(syscall, path, result);
}
