import assert from 'node:assert/strict';
import test from 'node:test';
import { applyChanges } from './apply-changes.ts';

const apply = (...changes: string[]): ReturnType<typeof applyChanges> => applyChanges({}, changes);

test('changes must build the configuration that Docker builds from the same instructions', () => {
  assert.deepEqual(apply('CMD echo hello', 'ENV a=b c="d e"', 'ENV path /x y', 'EXPOSE 80 53/udp 8000-8002', 'LABEL one=two "three four"=\'five\'', 'USER app:grp', 'VOLUME /a /b', 'VOLUME ["/c d"]', 'WORKDIR /srv', 'WORKDIR sub/../deep', 'STOPSIGNAL SIGUSR1', 'ONBUILD RUN make', 'HEALTHCHECK --interval=5s --retries=3 CMD curl -f localhost'), {
    Cmd: ['/bin/sh', '-c', 'echo hello'],
    Env: ['a=b', 'c=d e', 'path=/x y'],
    ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} },
    Labels: { one: 'two', 'three four': 'five' },
    User: 'app:grp',
    Volumes: { '/a': {}, '/b': {}, '/c d': {} },
    WorkingDir: '/srv/deep',
    StopSignal: 'SIGUSR1',
    OnBuild: ['RUN make'],
    Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'], Interval: 5_000_000_000, Retries: 3 },
  });
});

test('variables must be expanded from what was set before', () => {
  const { Env, Labels, WorkingDir } = apply('ENV name=world file=/a/b.tar.gz', 'LABEL g="hello ${name}" d=${nothing:-dflt} p=${file##*/} s=${file%%.*} r=${file/b/c} q=\'$name\' e=\\$name', 'WORKDIR /srv/$name', 'ENV name=${name}s');
  assert.deepEqual(Env, ['name=worlds', 'file=/a/b.tar.gz']);
  assert.deepEqual(Labels, { g: 'hello world', d: 'dflt', p: 'b.tar.gz', s: '/a/b', r: '/a/c.tar.gz', q: '$name', e: '$name' });
  assert.equal(WorkingDir, '/srv/world');
});

test('an entrypoint must drop an inherited command but keep one given before it', () => {
  assert.deepEqual(applyChanges({ Cmd: ['old'] }, ['ENTRYPOINT ["/x"]']), { Cmd: null, Entrypoint: ['/x'] });
  assert.deepEqual(apply('CMD ["new"]', 'ENTRYPOINT ["/x"]'), { Cmd: ['new'], Entrypoint: ['/x'] });
});

test('comments, continued lines and the escape directive must be understood', () => {
  assert.deepEqual(apply('# escape=`\n# words\nENV a=1 `\n# between\n  b=2\n\nCMD ["x"]'), { Env: ['a=1', 'b=2'], Cmd: ['x'] });
});

test('an empty command must be the bare shell, as Docker has it', () => {
  assert.deepEqual(apply('CMD'), { Cmd: ['/bin/sh', '-c'] });
  assert.deepEqual(apply('CMD []'), { Cmd: [] });
  assert.deepEqual(apply('ENTRYPOINT []'), { Cmd: null, Entrypoint: null });
});

const faults: readonly [change: string, message: string][] = [
  ['FROM x', 'FROM is not a valid change command'],
  ['bogus', 'bogus is not a valid change command'],
  ['SHELL x', 'SHELL is not a valid change command'],
  ['', 'file with no instructions'],
  ['# x', 'file with no instructions'],
  ['ENV', 'ENV requires at least one argument'],
  ['ENV a', 'ENV must have two arguments'],
  ['ENV =b', 'ENV names can not be blank'],
  ['LABEL a=b c', 'Syntax error - can\'t find = in "c". Must be of the form: name=value'],
  ['EXPOSE abc', 'Invalid containerPort: abc'],
  ['EXPOSE 80-78', 'Invalid containerPort: 80-78'],
  ['EXPOSE 65536', 'Invalid containerPort: 65536'],
  ['EXPOSE 80/foo', 'Invalid proto: foo'],
  ['STOPSIGNAL FOO', 'invalid signal: FOO'],
  ['STOPSIGNAL 0', 'invalid signal: 0'],
  ['USER', 'USER requires exactly one argument'],
  ['HEALTHCHECK foo', 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
  ['HEALTHCHECK NONE x', 'HEALTHCHECK NONE takes no arguments'],
  ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
  ['HEALTHCHECK --interval=1us CMD x', 'Interval "interval" cannot be less than 1ms'],
  ['HEALTHCHECK --interval=5 CMD x', 'time: missing unit in duration "5"'],
  ['HEALTHCHECK --interval=5y CMD x', 'time: unknown unit "y" in duration "5y"'],
  ['HEALTHCHECK --bogus=1us CMD x', 'unknown flag: --bogus'],
  ['HEALTHCHECK --retries=-1 CMD x', '--retries cannot be negative (-1)'],
  ['CMD --x y', 'unknown flag: --x'],
  ['VOLUME [""]', 'VOLUME specified can not be an empty string'],
  ['VOLUME [1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
  ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
  ['ONBUILD ONBUILD CMD x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ['ENV a=${b:?no}', 'failed to process "${b:?no}": b: no'],
  ['ENV a="b', 'failed to process "\\"b": unexpected end of statement while looking for matching double-quote'],
  ['ENV a=${b:-c', 'failed to process "${b:-c": syntax error: missing \'}\''],
  ['ENV a=${b', 'failed to process "${b": unsupported modifier (\uFFFD) in substitution'],
];

for (const [change, message] of faults) {
  test(`the change ${JSON.stringify(change)} must be refused with Docker's words`, () => {
    assert.throws(() => apply(change), { code: 'image.invalid_change', message });
  });
}

test('a wrong instruction must be found before any is applied', () => {
  assert.throws(() => apply('ENV a=b', 'USER'), { message: 'USER requires exactly one argument' });
});
