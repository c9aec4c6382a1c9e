import assert from 'node:assert/strict';
import test from 'node:test';
import { fail } from '#base/errors/failure.ts';
import type { ContainerConfig, HostConfig } from '#schema/container-config.ts';
import { describeExecFailure, describeStartFailure } from './start-failure.ts';

const create = 'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
const failed = (message: string) => fail('runtime.start_failed', { message });
const hostConfig = { Sysctls: { 'kernel.msgmax': 'x' } as Record<string, string> } as HostConfig;
const start = (message: string, path: string, WorkingDir = '') => describeStartFailure(failed(message), { path, config: { WorkingDir } as ContainerConfig, hostConfig, mounts: [] });

test('what crun says of a missing or forbidden program must become runc’s words and exit code', () => {
  for (const [message, path, text, exitCode] of [
    ['executable file `nope` not found in $PATH: No such file or directory', 'nope', 'error during container init: exec: "nope": executable file not found in $PATH', 127],
    ['executable file `/no/path` not found in $PATH: No such file or directory', '/no/path', 'error during container init: exec: "/no/path": stat /no/path: no such file or directory', 127],
    ['open executable: Operation not permitted', '/etc', 'error during container init: exec: "/etc": is a directory: permission denied', 126],
    ['open executable: Not a directory', '/x/y', 'error during container init: exec: "/x/y": stat /x/y: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type', 127],
    ['write to /proc/sys/kernel/msgmax: Invalid argument', 'sh', 'error during container init: failed to write sysctl kernel.msgmax = "x": write fsmount:fscontext:proc/./sys/kernel/msgmax: invalid argument', 128],
    ['sethostname: Invalid argument', 'sh', 'error during container init: sethostname: invalid argument', 128],
    ['open executable: Permission denied', '/s/file', 'error during container init: exec: "/s/file": permission denied', 126],
  ] as const) {
    const failure = start(message, path);
    assert.deepEqual([failure.error.message, failure.exitCode], [create + text, exitCode]);
  }
});

test('a kernel parameter of a shared namespace must be refused in runc’s words', () => {
  const prefix = 'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ';
  for (const [message, text] of [
    ['the sysctl `kernel.msgmax` requires a new IPC namespace', 'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace'],
    ['the sysctl `net.core.somaxconn` requires a new network namespace', 'sysctl "net.core.somaxconn" not allowed in host network namespace'],
    ['the sysctl `kernel.domainname` requires a new UTS namespace', 'sysctl "kernel.domainname" is not in a separate kernel namespace'],
  ] as const) assert.equal(start(message, 'sh').error.message, prefix + text);
});

test('a limit that the kernel refuses must be told in runc’s words', () => {
  const refused = (file: string, value: number, reason: string) => fail('kernel.cgroup_setting_refused', { file, value, reason });
  const text = (error: Error) => describeStartFailure(error, { path: 'sh', config: {} as ContainerConfig, hostConfig, mounts: [] }).error.message;
  assert.equal(text(refused('/c/cpu.shares', 1, 'the minimum allowed cpu-shares is 2')), `${create}error during container init: error setting cgroup config for procHooks process: the minimum allowed cpu-shares is 2`);
  assert.equal(text(refused('/c/pids.max', 7, 'no such device')), `${create}error during container init: error setting cgroup config for procHooks process: failed to write "7": write /c/pids.max: no such device`);
  assert.equal(text(refused('/c/cpu.rt_runtime_us', 100, 'invalid argument')), `${create}unable to apply cgroup configuration: failed to write "100": write /c/cpu.rt_runtime_us: invalid argument`);
});

test('an exec’s failures must begin as Docker’s do', () => {
  const failure = describeExecFailure(failed('chdir `/no/such`: No such file or directory'), { path: 'pwd', workingDirectory: '/no/such' });
  assert.deepEqual(
    [failure.error.message, failure.exitCode],
    ['OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/no/such") set in config.json failed: no such file or directory', 127],
  );
});

test('errors that are not the runtime’s must stay what they are', () => {
  const error = fail('container.not_running', { id: 'x' });
  assert.equal(describeStartFailure(error, { path: '', config: {} as ContainerConfig, hostConfig, mounts: [] }).error, error);
});
