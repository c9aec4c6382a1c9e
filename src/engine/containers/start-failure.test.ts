import assert from 'node:assert/strict';
import test from 'node:test';
import { fail } from '#base/errors/failure.ts';
import type { ContainerConfig } from '#schema/container-config.ts';
import { describeExecFailure, describeStartFailure } from './start-failure.ts';

const create = 'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
const failed = (message: string) => fail('runtime.start_failed', { message });
const start = (message: string, path: string, WorkingDir = '') => describeStartFailure(failed(message), { path, config: { WorkingDir } as ContainerConfig });

test('what crun says of a missing or forbidden program must become runc’s words and exit code', () => {
  for (const [message, path, text, exitCode] of [
    ['executable file `nope` not found in $PATH: No such file or directory', 'nope', 'error during container init: exec: "nope": executable file not found in $PATH', 127],
    ['executable file `/no/path` not found in $PATH: No such file or directory', '/no/path', 'error during container init: exec: "/no/path": stat /no/path: no such file or directory', 127],
    ['open executable: Operation not permitted', '/etc', 'error during container init: exec: "/etc": is a directory: permission denied', 126],
    ['open executable: Permission denied', '/s/file', 'error during container init: exec: "/s/file": permission denied', 126],
  ] as const) {
    const failure = start(message, path);
    assert.deepEqual([failure.error.message, failure.exitCode], [create + text, exitCode]);
  }
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
  assert.equal(describeStartFailure(error, { path: '', config: {} as ContainerConfig }).error, error);
});
