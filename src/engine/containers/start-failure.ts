/**
 * Why a process could not be started, in the words Docker's clients know. The OCI runtime's message is
 * translated to the one runc gives under Docker, because clients read exit codes 126 and 127 out of it.
 */
import { EngineError, fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { tmpfsMount } from '#runtime/specification/tmpfs-options.ts';
import type { ContainerRecord } from './container-record.ts';

const createPrefix = 'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
const setupPrefix = 'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ';
const execPrefix = 'OCI runtime exec failed: exec failed: unable to start container process: ';

const mismatchHint = 'Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';

/** How runc tells of a kernel parameter whose namespace is the host's. */
const sharedNamespaceWords: Readonly<Record<string, string>> = { IPC: 'is not allowed in the hosts ipc namespace', UTS: 'is not in a separate kernel namespace' };

export interface StartFailure {
  readonly error: EngineError;
  /** What the state shows: 126, 127 or 128. */
  readonly exitCode: number;
  /** The process was not even tried: as in Docker the state goes on showing how the last one ended, unless it ended well. */
  readonly early?: boolean;
}

interface Meaning {
  readonly text: string;
  readonly exitCode: 126 | 127 | 128;
  readonly caller: boolean;
  /** Refused before the process was made. */
  readonly beforeProcess?: boolean;
}

/** The failure of a container's start. @param rootfs its mounted root file system, once there is one */
export function describeStartFailure(error: unknown, record: Pick<ContainerRecord, 'path' | 'config' | 'hostConfig' | 'mounts'>, rootfs?: string): StartFailure {
  if (isFailure(error, 'kernel.cgroup_setting_refused')) return { error: fail('container.start_failed', { message: createPrefix + refusedSetting(error) }, error), exitCode: 128 };
  if (!isFailure(error, 'runtime.start_failed')) return keep(error);
  const facts = { path: record.path, workingDirectory: record.config.WorkingDir, init: 'error during container init: ', sysctls: record.hostConfig.Sysctls ?? {}, mounts: { ...record, rootfs } };
  const meaning = readRuntimeMessage(messageOf(error), facts);
  const message = (meaning.beforeProcess === true ? setupPrefix : createPrefix) + meaning.text;
  return { error: fail(meaning.caller ? 'container.start_refused' : 'container.start_failed', { message }, error), exitCode: meaning.exitCode };
}

/** The failure of an exec. */
export function describeExecFailure(error: unknown, command: { path: string; workingDirectory: string }): StartFailure {
  if (!isFailure(error, 'runtime.start_failed')) return keep(error);
  const meaning = readRuntimeMessage(messageOf(error), { ...command, init: '', sysctls: {}, mounts: undefined });
  const message = execPrefix + meaning.text;
  return { error: fail(meaning.caller ? 'exec.start_refused' : 'exec.start_failed', { message }, error), exitCode: meaning.exitCode };
}

/** A limit that the kernel does not take, as runc tells of it. */
export function refusedLimit(error: EngineError): string {
  const { file, value, reason } = error.details;
  return /^the (minimum|maximum) allowed/.test(String(reason)) ? String(reason) : `failed to write ${JSON.stringify(String(value))}: write ${String(file)}: ${String(reason)}`;
}

/** Real-time limits are given when the cgroup is made, all others when the process is there. */
function refusedSetting(error: EngineError): string {
  const stage = String(error.details['file']).includes('/cpu.rt_') ? 'unable to apply cgroup configuration: ' : 'error during container init: error setting cgroup config for procHooks process: ';
  return stage + refusedLimit(error);
}

function keep(error: unknown): StartFailure {
  const known = error instanceof EngineError ? error : fail('container.start_failed', { message: messageOf(error) }, error);
  return { error: known, exitCode: 128, early: true };
}

type MountFacts = Pick<ContainerRecord, 'mounts' | 'hostConfig'> & { readonly rootfs: string | undefined };

/** What runc adds of the mount it tried: with the everyday mounts, these are its descriptors. */
function mountDetails(source: string, destination: string, facts: MountFacts | undefined): string {
  if (facts === undefined) return '';
  if (source !== 'tmpfs') {
    const isAlone = facts.mounts.some(({ point, nonRecursive }) => point.Destination === destination && nonRecursive === true);
    return `, dstFd=/proc/thread-self/fd/14, flags=MS_BIND${isAlone ? '' : '|MS_REC'}`;
  }
  const planned = facts.mounts.find(({ point }) => point.Type === 'tmpfs' && point.Destination === destination)?.tmpfsOptions?.join(',');
  const options = facts.hostConfig.Tmpfs?.[destination] ?? planned;
  if (options === undefined) return '';
  const merged = tmpfsMount(destination, options).options;
  const flags = tmpfsFlags.flatMap(([option, flag]) => (merged.includes(option) ? [flag] : []));
  const data = merged.filter((option) => option.includes('='));
  return `, dstFd=/proc/thread-self/fd/11, flags=${flags.join('|')}${data.length === 0 ? '' : `, data=${data.join(',')}`}`;
}

/** What was to be mounted there. */
function sourceOf(destination: string, { mounts, hostConfig }: MountFacts): string | undefined {
  if (hostConfig.Tmpfs?.[destination] !== undefined) return 'tmpfs';
  const point = mounts.find((mount) => mount.point.Destination === destination)?.point;
  return point?.Type === 'tmpfs' ? 'tmpfs' : point?.Source;
}

const tmpfsFlags: readonly (readonly [option: string, flag: string])[] = [['ro', 'MS_RDONLY'], ['nosuid', 'MS_NOSUID'], ['nodev', 'MS_NODEV'], ['noexec', 'MS_NOEXEC'], ['remount', 'MS_REMOUNT']];

function readRuntimeMessage(message: string, facts: { path: string; workingDirectory: string; init: string; sysctls: Readonly<Record<string, string>>; mounts: MountFacts | undefined }): Meaning {
  const { path, workingDirectory, init } = facts;
  const quoted = JSON.stringify(path);
  if (/executable file .* not found in \$PATH/.test(message) || path === '') {
    return path.includes('/')
      ? { text: `${init}exec: ${quoted}: stat ${path}: no such file or directory`, exitCode: 127, caller: true }
      : { text: `${init}exec: ${quoted}: executable file not found in $PATH`, exitCode: 127, caller: true };
  }
  // The last as newer versions of crun say it.
  if (/open executable: Operation not permitted|open executable: Is a directory|the path `[^`]*` is not a regular file/.test(message)) {
    return { text: `${init}exec: ${quoted}: is a directory: permission denied`, exitCode: 126, caller: true };
  }
  if (/open executable: Permission denied/.test(message) || /exec(?:ute)? .*: Permission denied/i.test(message)) {
    return { text: `${init}exec: ${quoted}: permission denied`, exitCode: 126, caller: true };
  }
  if (/open executable: Not a directory/.test(message)) {
    return { text: `${init}exec: ${quoted}: stat ${path}: not a directory: ${mismatchHint}`, exitCode: 127, caller: true };
  }
  const change = /chdir(?: to)? `?([^`:]*)`?: (.*)/.exec(message);
  if (change !== null) {
    return {
      text: `chdir to cwd (${JSON.stringify(workingDirectory)}) set in config.json failed: ${(change[2] ?? '').toLowerCase()}`,
      exitCode: 127,
      caller: true,
    };
  }
  const sysctl = /the sysctl `([^`]*)` requires a new (\w+) namespace/.exec(message);
  if (sysctl !== null) return { text: `sysctl ${JSON.stringify(sysctl[1])} ${sharedNamespaceWords[sysctl[2] ?? ''] ?? `not allowed in host ${sysctl[2]} namespace`}`, exitCode: 128, caller: false, beforeProcess: true };
  const unknownSysctl = /(?:open|write to) `?\/proc\/sys\/([^`:]+)`?: No such file/.exec(message);
  if (unknownSysctl !== null) {
    const path = unknownSysctl[1] ?? '';
    return { text: `${init}open sysctl ${path.replaceAll('/', '.')} file: unsafe procfs detected: openat2 fsmount:fscontext:proc/./sys/${path}: no such file or directory`, exitCode: 127, caller: true };
  }
  const refusedSysctl = /write to `?\/proc\/sys\/([^`:]+)`?: (.*)/.exec(message);
  if (refusedSysctl !== null) {
    const [, path = '', reason = ''] = refusedSysctl;
    const name = Object.keys(facts.sysctls).find((key) => key.replaceAll('.', '/') === path) ?? path.replaceAll('/', '.');
    const value = JSON.stringify(facts.sysctls[name] ?? '');
    return { text: `${init}failed to write sysctl ${name} = ${value}: write fsmount:fscontext:proc/./sys/${path}: ${reason.toLowerCase()}`, exitCode: 128, caller: false };
  }
  const masking = /failed open\(\)ing (\/dev\/\S+): (.*)$/.exec(message);
  if (masking?.[1]?.endsWith('/null') === true && masking[2] === 'Permission denied') return { text: `${init}error reopening ${masking[1]} inside container: open ${masking[1]}: permission denied`, exitCode: 126, caller: true };
  if (masking !== null) return { text: `${init}can't mask paths: open ${masking[1]}: ${(masking[2] ?? '').toLowerCase()}`, exitCode: 127, caller: true };
  const mountpoint = /^mkdir `(\/[^`]*)`: (.*)$/.exec(message);
  if (mountpoint !== null) {
    const [, path = '', reason = ''] = mountpoint;
    const source = facts.mounts === undefined ? undefined : sourceOf(path, facts.mounts);
    const attempt = facts.mounts?.rootfs === undefined ? '' : `mkdirat ${facts.mounts.rootfs}${path}: `;
    return { text: `${init}error mounting ${source === undefined ? '' : `${JSON.stringify(source)} `}to rootfs at ${JSON.stringify(path)}: create mountpoint for ${path} mount: make mountpoint ${JSON.stringify(path)}: ${attempt}${reason.toLowerCase()}`, exitCode: 128, caller: false };
  }
  const mounted = /mount `([^`]*)` to `([^`]*)`: (.*)$/.exec(message);
  if (mounted !== null) {
    const [, source = '', target = '', words = ''] = mounted;
    const destination = target.startsWith('/') ? target : `/${target}`;
    const reason = words === 'Not a directory' ? `not a directory: ${mismatchHint}` : words.toLowerCase();
    return { text: `${init}error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(destination)}: mount src=${source}, dst=${destination}${mountDetails(source, destination, facts.mounts)}: ${reason}`, exitCode: words === 'Not a directory' ? 127 : 128, caller: true };
  }
  const action = /invalid seccomp action `([^`]*)`/.exec(message);
  if (action !== null) return { text: `string ${action[1]} is not a valid action for seccomp`, exitCode: 128, caller: false, beforeProcess: true };
  const architecture = /seccomp unknown architecture `?([^`\s]*)/.exec(message);
  if (architecture !== null) return { text: `string SCMP_ARCH_${architecture[1]} is not a valid arch for seccomp`, exitCode: 128, caller: false, beforeProcess: true };
  const hostname = /^sethostname: (.*)$/.exec(message);
  if (hostname !== null) return { text: `${init}sethostname: ${(hostname[1] ?? '').toLowerCase()}`, exitCode: 128, caller: false };
  // runc's own words: what follows its last standard prefix.
  const own = /unable to start container process: (.*)$/s.exec(message);
  const text = (own?.[1] ?? message).trim();
  if (/executable file not found|no such file or directory/.test(text)) return { text, exitCode: 127, caller: true };
  if (/permission denied|is a directory/.test(text)) return { text, exitCode: 126, caller: true };
  return { text, exitCode: 128, caller: false };
}
