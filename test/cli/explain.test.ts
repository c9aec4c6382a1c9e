/** `explain`: the daemon's verdict as text, as JSON and through templates. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startCannedDaemon } from './canned-daemon.ts';
import { runCli } from './run-cli.ts';

const explanation = {
  Id: 'f'.repeat(64), Name: '/web', Status: 'exited', Cause: 'out-of-memory', Verdict: 'the kernel killed it', Evidence: ['its memory limit is 12MiB', 'the most it used was 12MiB'],
  LastLines: [{ Stream: 'stdout', Line: 'loading' }, { Stream: 'stderr', Line: 'no room' }], NextStep: 'give it more memory', ExitCode: 137, RestartCount: 0,
};

test('explain must show verdict, proof, last lines and next step', async () => {
  await using daemon = await startCannedDaemon({ 'GET /containers/web/explain': explanation });
  const run = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(words, { program: 'dhow', environment: { DOCKER_HOST: daemon.address } });
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
  };
  assert.equal(
    await run('explain', 'web'),
    'web (exited): the kernel killed it\n\nProof:\n  - its memory limit is 12MiB\n  - the most it used was 12MiB\n\nLast lines of its log:\n  | loading\n  ! no room\n\nNext step: give it more memory\n',
  );
  assert.deepEqual(JSON.parse(await run('explain', '--format', 'json', 'web')), explanation);
  assert.equal(await run('container', 'explain', '-f', '{{.Cause}} {{len .Evidence}}', 'web'), 'out-of-memory 2\n');
});

test('what Docker does not have must not be listed under its name', async () => {
  const helpOf = async (program: 'docker' | 'dhow', ...words: string[]): Promise<string> => (await runCli([...words, '--help'], { program })).stdout;
  assert.doesNotMatch(await helpOf('docker'), /explain/);
  assert.match(await helpOf('dhow'), /\n {2}explain /);
  assert.doesNotMatch(await helpOf('docker', 'run'), /--on-unhealthy/);
  assert.match(await helpOf('dhow', 'run'), /--on-unhealthy/);
});
