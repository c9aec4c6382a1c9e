import assert from 'node:assert/strict';
import test from 'node:test';
import { createLog, type LogFormat, type LogLevel } from './log.ts';

function lines(level: LogLevel, format: LogFormat, work: (log: ReturnType<typeof createLog>) => void): string[] {
  const written: string[] = [];
  work(createLog({ level, format, write: (line) => void written.push(line), now: () => new Date(0) }));
  return written;
}

test('lines must have dockerd’s form, with values quoted where they need it', () => {
  const written = lines('info', 'text', (log) => log.warn('say "hi"\n', { address: 'unix:///x', path: '/a/b', count: 3, error: new Error('no way') }));
  assert.deepEqual(written, ['time="1970-01-01T00:00:00.000Z" level=warning msg="say \\"hi\\"\\n" address="unix:///x" path=/a/b count=3 error="no way"\n']);
});

test('JSON lines must hold the same', () => {
  assert.deepEqual(lines('info', 'json', (log) => log.info('hi', { a: 1 })), ['{"a":"1","level":"info","msg":"hi","time":"1970-01-01T00:00:00.000Z"}\n']);
});

test('only the level and what is graver must be written', () => {
  const all = (log: ReturnType<typeof createLog>): void => {
    log.debug('debug');
    log.info('info');
    log.warn('warn');
    log.error('error');
  };
  const count = (level: LogLevel): number => lines(level, 'text', all).length;
  assert.deepEqual([count('trace'), count('debug'), count('info'), count('warn'), count('error'), count('fatal')], [4, 4, 3, 2, 1, 0]);
});
