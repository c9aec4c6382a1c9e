/** `run`, `exec` and `attach` as a user sees them, against a daemon the test answers for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import test, { type TestContext } from 'node:test';
import type { ServerResponse } from 'node:http';
import { FakeDaemon, frame, type SeenRequest } from './fake-daemon.ts';
import { runCli, startCli } from './run-cli.ts';

interface Behaviour {
  readonly exitCode?: number;
  /** What the process writes when it is started, then ends. */
  readonly output?: readonly (readonly [stream: 1 | 2, text: string])[];
  /** Refuses to start, with this message. */
  readonly startFailure?: string;
  /** Refuses to create until an image was pulled. */
  readonly missingImage?: boolean;
  readonly pullAnswer?: string;
  /** Ends when its input does, and gives the input back. */
  readonly echoes?: boolean;
  /** Runs until it is killed. */
  readonly lingers?: boolean;
}

/** A daemon with one container that behaves as told. */
async function containerDaemon(behaviour: Behaviour): Promise<FakeDaemon> {
  let socket: Duplex | undefined;
  let waiting: ServerResponse | undefined;
  let hasImage = behaviour.missingImage !== true;
  const end = (): void => void waiting?.end(`{"StatusCode":${behaviour.exitCode ?? 0}}\n`);
  const answer = ({ method, target }: SeenRequest, response: ServerResponse): { status: number; json?: unknown } | undefined => {
    if (target.startsWith('/images/bootstrap') || target.startsWith('/images/create')) {
      if (target.startsWith('/images/bootstrap') || behaviour.pullAnswer === undefined) hasImage = true;
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(target.startsWith('/images/bootstrap') ? '{"status":"made busybox"}\n' : (behaviour.pullAnswer ?? '{"status":"Pulling from library/busybox","id":"latest"}\n'));
      return undefined;
    }
    if (target.startsWith('/containers/create')) return hasImage ? { status: 201, json: { Id: 'c0ffee', Warnings: ['be careful'] } } : { status: 404, json: { message: 'No such image: busybox:latest' } };
    if (target.includes('/wait')) {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.flushHeaders();
      waiting = response;
      return undefined;
    }
    if (target.includes('/start')) {
      if (behaviour.startFailure !== undefined) {
        end();
        return { status: 400, json: { message: behaviour.startFailure } };
      }
      for (const [stream, text] of behaviour.output ?? []) socket?.write(frame(stream, text));
      if (behaviour.echoes !== true && behaviour.lingers !== true) {
        socket?.end();
        end();
      }
      return { status: 204 };
    }
    if (target.includes('/kill')) {
      socket?.end();
      end();
      return { status: 204 };
    }
    assert.fail(`unexpected ${method} ${target}`);
  };
  return await FakeDaemon.start({
    answer,
    hijack: (hijacked) => {
      socket = hijacked;
      let typed = '';
      hijacked.on('data', (chunk: Buffer) => (typed += chunk.toString()));
      hijacked.once('end', () => {
        if (behaviour.echoes !== true) return;
        hijacked.end(frame(1, typed));
        end();
      });
    },
  });
}

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('run must attach and wait before it starts, keep the streams apart and give the exit code', async () => {
  await using daemon = await containerDaemon({ exitCode: 3, output: [[1, 'out\n'], [2, 'err\n'], [1, 'more\n']] });
  const { socketPath } = daemon;
  const result = await runCli(['run', '--rm', '--name', 'x', 'busybox', 'sh', '-c', 'true'], { socketPath });
  assert.deepEqual(result, { code: 3, signal: null, stdout: 'out\nmore\n', stderr: 'WARNING: be careful\nerr\n' });
  const [create, ...rest] = daemon.calls;
  assert.equal(create, 'POST /containers/create?name=x');
  assert.deepEqual(new Set(rest.slice(0, 2)), new Set(['POST /containers/c0ffee/attach?stderr=1&stdout=1&stream=1', 'POST /containers/c0ffee/wait?condition=removed']));
  assert.deepEqual(rest.slice(2), ['POST /containers/c0ffee/start']);
  const body: unknown = JSON.parse(daemon.requests[0]?.body ?? '');
  assert.ok(typeof body === 'object' && body !== null && 'Cmd' in body && 'HostConfig' in body);
  assert.deepEqual(body.Cmd, ['sh', '-c', 'true']);
});

test('run -i must send all of its input and then its end', async () => {
  await using daemon = await containerDaemon({ echoes: true });
  const input = 'line\n'.repeat(50_000);
  const result = await runCli(['run', '-i', '--rm', 'busybox', 'cat'], { socketPath: daemon.socketPath, input });
  assert.equal(result.code, 0);
  assert.equal(result.stdout, input);
});

test('run -d must print the id and neither attach nor wait', async () => {
  await using daemon = await containerDaemon({});
  const result = await runCli(['run', '-d', 'busybox'], { socketPath: daemon.socketPath });
  assert.deepEqual([result.code, result.stdout], [0, 'c0ffee\n']);
  assert.deepEqual(daemon.calls, ['POST /containers/create', 'POST /containers/c0ffee/start']);
});

for (const [message, code] of [
  ['exec: "nope": executable file not found in $PATH: unknown', 127],
  ['exec: "/etc": permission denied: unknown', 126],
  ['driver failed', 125],
] as const) {
  test(`run must end with ${code} when the start fails with ${message}`, async () => {
    await using daemon = await containerDaemon({ startFailure: message });
    const result = await runCli(['run', '--rm', 'busybox', 'nope'], { socketPath: daemon.socketPath });
    assert.equal(result.code, code);
    assert.equal(result.stderr, `WARNING: be careful\ndocker: Error response from daemon: ${message}\n\nRun 'docker run --help' for more information\n`);
  });
}

test('run must pull an image that is not here, and say so on stderr', async () => {
  await using daemon = await containerDaemon({ missingImage: true, output: [[1, 'hi\n']] });
  const result = await runCli(['run', '--rm', 'busybox'], { socketPath: daemon.socketPath });
  assert.equal(result.code, 0);
  assert.equal(result.stdout, 'hi\n');
  assert.equal(result.stderr, "Unable to find image 'busybox:latest' locally\nlatest: Pulling from library/busybox\nWARNING: be careful\n");
  assert.equal(daemon.calls[1], 'POST /images/create?fromImage=docker.io%2Flibrary%2Fbusybox&tag=latest');
});

const unreachable = `${JSON.stringify({ errorDetail: { message: 'no registry can be reached; make the image from packages: dhow image bootstrap busybox' }, error: 'x' })}\n`;

test('dhow run must bootstrap an image when no registry can be reached, and go on', async () => {
  await using daemon = await containerDaemon({ missingImage: true, pullAnswer: unreachable, output: [[1, 'hi\n']] });
  const result = await runCli(['run', '--rm', 'busybox'], { socketPath: daemon.socketPath, program: 'dhow' });
  assert.equal(result.code, 0);
  assert.equal(result.stdout, 'hi\n');
  assert.match(result.stderr, /^Unable to find image 'busybox:latest' locally\ndhow: no registry can be reached, making busybox from this system's packages \(dhow image bootstrap busybox\)\nmade busybox\n/);
  assert.ok(daemon.calls.includes('POST /images/bootstrap?name=busybox'));
});

test('docker run must only tell that no registry can be reached', async () => {
  await using daemon = await containerDaemon({ missingImage: true, pullAnswer: unreachable });
  const result = await runCli(['run', '--rm', 'busybox'], { socketPath: daemon.socketPath });
  assert.equal(result.code, 125);
  assert.match(result.stderr, /docker: no registry can be reached; make the image from packages: dhow image bootstrap busybox\n\nRun 'docker run --help'/);
  assert.ok(!daemon.calls.some((call) => call.includes('bootstrap')));
});

test('a signal must go to the container, whose exit code counts', async () => {
  await using daemon = await containerDaemon({ exitCode: 143, lingers: true, output: [[1, 'ready\n']] });
  const running = startCli(['run', 'busybox', 'sleep', '60'], { socketPath: daemon.socketPath });
  assert.ok(running.process.stdout !== null);
  await once(running.process.stdout, 'data');
  running.process.kill('SIGTERM');
  const { code, signal } = await running.result;
  assert.deepEqual([code, signal], [143, null]);
  assert.ok(daemon.calls.includes('POST /containers/c0ffee/kill?signal=TERM'));
});

test('a reader that goes away must end the program as SIGPIPE does', async () => {
  await using daemon = await containerDaemon({ lingers: true, output: [[1, 'x'.repeat(1_000_000)], [1, 'y'.repeat(1_000_000)]] });
  const running = startCli(['run', 'busybox', 'yes'], { socketPath: daemon.socketPath });
  assert.ok(running.process.stdout !== null);
  await once(running.process.stdout, 'data');
  running.process.stdout.destroy();
  assert.equal((await running.result).signal, 'SIGPIPE');
});

test('a cidfile must hold the id, and one that exists must stop the run', async (t) => {
  await using daemon = await containerDaemon({});
  const directory = scratch(t);
  const first = await runCli(['create', '--cidfile', 'id', 'busybox'], { socketPath: daemon.socketPath, directory });
  assert.equal(first.code, 0);
  assert.equal(readFileSync(join(directory, 'id'), 'utf8'), 'c0ffee');
  const second = await runCli(['run', '--cidfile', 'id', 'busybox'], { socketPath: daemon.socketPath, directory });
  assert.equal(second.code, 125);
  assert.equal(second.stderr, "docker: container ID file found, make sure the other container isn't running or delete id\n\nRun 'docker run --help' for more information\n");
});

test('a cidfile must not be left behind by a create that failed', async (t) => {
  await using daemon = await FakeDaemon.start({ answer: () => ({ status: 409, json: { message: 'name in use' } }) });
  const directory = scratch(t);
  const result = await runCli(['create', '--cidfile', 'id', 'busybox'], { socketPath: daemon.socketPath, directory });
  assert.deepEqual([result.code, result.stderr], [1, 'Error response from daemon: name in use\n']);
  assert.ok(!existsSync(join(directory, 'id')));
});

test('environment files must reach the container in order, and a damaged one must be refused', async (t) => {
  await using daemon = await containerDaemon({});
  const directory = scratch(t);
  writeFileSync(join(directory, 'good'), '\uFEFFA=1\n# no\n  B=two words \nFROM_OUTSIDE\nNOT_SET\n');
  writeFileSync(join(directory, 'bad'), 'a key=1\n');
  await runCli(['create', '--env-file', 'good', '-e', 'A=3', 'busybox'], { socketPath: daemon.socketPath, directory, environment: { FROM_OUTSIDE: 'v' } });
  const body: unknown = JSON.parse(daemon.requests[0]?.body ?? '');
  assert.ok(typeof body === 'object' && body !== null && 'Env' in body);
  assert.deepEqual(body.Env, ['A=1', 'B=two words ', 'FROM_OUTSIDE=v', 'A=3']);
  const refused = await runCli(['run', '--env-file', 'bad', 'busybox'], { socketPath: daemon.socketPath, directory });
  assert.deepEqual([refused.code, refused.stderr], [125, "docker: invalid env file (bad): variable 'a key' contains whitespaces\n\nRun 'docker run --help' for more information\n"]);
});

test('a terminal must be refused where the input is none', async () => {
  await using daemon = await containerDaemon({});
  const result = await runCli(['run', '-it', 'busybox'], { socketPath: daemon.socketPath });
  assert.deepEqual([result.code, result.stderr, daemon.calls], [1, 'the input device is not a TTY\n', []]);
});

test('exec must stream, and end with the exit code of its process', async () => {
  await using daemon = await FakeDaemon.start({
    answer: ({ target }) => (target.endsWith('/exec') ? { status: 201, json: { Id: 'e1' } } : { status: 200, json: { ExitCode: 9 } }),
    hijack: (socket) => socket.end(Buffer.concat([frame(1, 'a\n'), frame(2, 'b\n')])),
  });
  const result = await runCli(['exec', '-e', 'X=1', '-w', '/tmp', 'web', 'ls', '-l'], { socketPath: daemon.socketPath });
  assert.deepEqual(result, { code: 9, signal: null, stdout: 'a\n', stderr: 'b\n' });
  assert.deepEqual(daemon.calls, ['POST /containers/web/exec', 'POST /exec/e1/start', 'GET /exec/e1/json']);
  assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? ''), {
    User: '', Privileged: false, Tty: false, AttachStdin: false, AttachStderr: true, AttachStdout: true, Detach: false, DetachKeys: '', Env: ['X=1'], WorkingDir: '/tmp', Cmd: ['ls', '-l'],
  });
});
