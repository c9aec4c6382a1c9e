/** Commands that follow the daemon's streams: they go on with the daemon that comes next. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { startCli, type RunningCli } from './run-cli.ts';

/** What changes daemons: each of them, one after the other. */
const changes: readonly (readonly [string, (daemon: TestDaemon) => Promise<unknown>])[] = [
  ['a crash', async (daemon) => {
    await daemon.kill();
    // Much is said while there is none.
    await delay(300);
    await daemon.launch();
  }],
  ['an orderly end', async (daemon) => {
    await daemon.stop();
    await daemon.launch();
  }],
  ['an upgrade', async (daemon) => daemon.replace()],
];

function textOf({ process }: RunningCli): { readonly text: string } {
  const read = { text: '' };
  process.stdout?.on('data', (chunk: Buffer) => (read.text += chunk.toString()));
  return read;
}

for (const terminal of [false, true]) {
  test(`logs --follow must show every line once through every change of daemons (${terminal ? 'with' : 'without'} a terminal)`, async () => {
    await using daemon = await TestDaemon.start();
    const { client } = daemon;
    // Bursts of lines of one moment, on both streams.
    const command = ['sh', '-c', 'i=0; while [ ! -e /stop ]; do j=0; while [ $j -lt 20 ]; do i=$((i+1)); j=$((j+1)); echo line $i; done; echo other >&2; usleep 20000; done; exit 4'];
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: command, Tty: terminal } as never);
    await client.containers.start(Id);
    const cli = startCli(['logs', '--follow', Id], { socketPath: daemon.socket });
    const shown = textOf(cli);
    const timed = startCli(['logs', '--follow', '--timestamps', '--tail', '7', Id], { socketPath: daemon.socket });
    const alsoShown = textOf(timed);
    try {
      for (const [what, change] of changes) {
        for (const text of [shown, alsoShown]) {
          const before = text.text.length;
          await eventually(`lines are shown before ${what}`, () => text.text.length > before + 2000);
        }
        await change(daemon);
      }
      const { Id: exec } = await client.execs.create(Id, { Cmd: ['touch', '/stop'] });
      await client.execs.startDetached(exec, { Tty: false });
      const results = await Promise.all([cli.result, timed.result]);
      assert.deepEqual(results.map(({ code }) => code), [0, 0], results.map(({ stderr }) => stderr.slice(-300)).join('\n'));
      const written = terminal ? await rawLog(daemon, Id) : await daemon.logsOf(Id);
      assert.equal(terminal ? results[0]?.stdout : sorted(`${results[0]?.stdout}${results[0]?.stderr}`), terminal ? written : sorted(written));
      const lines = (results[1]?.stdout ?? '').split('\n').filter((line) => line.includes('line'));
      for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line \d+\r?$/);
      const numbers = lines.map((line) => Number(/line (\d+)/.exec(line)?.[1]));
      assert.deepEqual(numbers, numbers.map((_, place) => (numbers[0] ?? 0) + place));
    } finally {
      cli.process.kill('SIGKILL');
      timed.process.kill('SIGKILL');
    }
  });
}

test('events must show every event once through every change of daemons', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const cli = startCli(['events', '--since', '0', '--filter', 'type=container', '--format', '{{.TimeNano}} {{.Action}} {{.Actor.ID}}'], { socketPath: daemon.socket });
  const live = startCli(['events', '--filter', 'event=create', '--format', '{{.Actor.Attributes.name}}'], { socketPath: daemon.socket });
  const shown = textOf(cli);
  const created = textOf(live);
  try {
    let count = 0;
    const make = async (): Promise<void> => {
      const name = `c${count++}`;
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['true'] } as never, { name });
      await client.containers.start(Id);
      await client.containers.remove(Id, { force: true });
    };
    // Both listen by now.
    for (let first = 0; created.text === ''; first = count) await Promise.all([make(), delay(50 + first)]);
    for (const [, change] of changes) {
      await Promise.all([make(), make(), make()]);
      await change(daemon);
      await Promise.all([make(), make(), make()]);
    }
    const past: string[] = [];
    for await (const { timeNano, Action, Actor } of await client.system.events({ since: '0', until: String(Date.now() / 1000 + 1), filters: { type: ['container'] } })) past.push(`${timeNano} ${Action} ${Actor.ID}`);
    await eventually('all is shown', () => shown.text.includes(past.at(-1) ?? ''));
    const lines = shown.text.trim().split('\n');
    assert.deepEqual(lines.filter((line) => !past.includes(line)), [], 'what was shown is known later');
    assert.deepEqual(lines, past);
    const names = created.text.trim().split('\n');
    const firstName = Number(names[0]?.slice(1));
    await eventually('all that were created are shown', () => assert.equal(created.text.trim().split('\n').length, count - firstName));
    assert.deepEqual(new Set(created.text.trim().split('\n')).size, count - firstName);
  } finally {
    cli.process.kill('SIGKILL');
    live.process.kill('SIGKILL');
  }
});

test('a stream whose daemon does not come back must end with what broke it', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'echo begun; sleep 600'] } as never);
  await client.containers.start(Id);
  const cli = startCli(['logs', '--follow', Id], { socketPath: daemon.socket });
  const shown = textOf(cli);
  await eventually('it follows', () => shown.text === 'begun\n');
  await daemon.kill();
  const { code, stderr } = await cli.result;
  assert.deepEqual([code, stderr], [1, 'unexpected EOF\n']);
});

function sorted(text: string): string {
  return text.split('\n').toSorted().join('\n');
}

async function rawLog(daemon: TestDaemon, id: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await daemon.client.containers.logs(id, { stdout: true, stderr: true })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
