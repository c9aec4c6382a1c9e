import assert from 'node:assert/strict';
import test from 'node:test';
import type { ContainerRecord } from '../containers/container-record.ts';
import { checkLogConfig, isReadable, logOptionsOf } from './log-options.ts';

function record(Type: string, Config: Record<string, string>): ContainerRecord {
  return { id: 'f'.repeat(64), name: 'box', config: { Labels: { app: 'shop' }, Env: null, Image: 'busybox' }, imageId: 'sha256:0', hostConfig: { LogConfig: { Type, Config } } } as unknown as ContainerRecord;
}
const prefix = 'failed to create task for container: failed to initialize logging driver: ';

test('names of log options must be checked at create, with the words of the driver', () => {
  const check = (Type: string, Config: Record<string, string>) => () => checkLogConfig({ Type, Config });
  assert.throws(check('', { bogus: '1' }), { message: "unknown log opt 'bogus' for json-file log driver" });
  assert.throws(check('local', { tag: 'x' }), { message: "unknown log opt 'tag' for log driver local" });
  assert.throws(check('gcplogs', {}), { message: 'error looking up logging plugin gcplogs: plugin "gcplogs" not found' });
  assert.throws(check('local', { mode: 'loud' }), { message: 'logger: logging mode not supported: loud' });
  assert.throws(check('local', { 'max-buffer-size': '1m' }), { message: "logger: max-buffer-size option is only supported with 'mode=non-blocking'" });
  check('local', { mode: 'non-blocking', 'max-buffer-size': '1m', compress: 'maybe' })();
  check('none', { anything: 'goes' })();
});

test('values of log options must be checked at the start, with the words of the driver', () => {
  const read = (Type: string, Config: Record<string, string>) => () => logOptionsOf(record(Type, Config), '/log');
  assert.throws(read('json-file', { 'max-size': '1x' }), { message: `${prefix}invalid suffix: 'x'` });
  assert.throws(read('json-file', { 'max-size': '0' }), { message: `${prefix}max-size must be a positive number` });
  assert.throws(read('json-file', { 'max-file': '0' }), { message: `${prefix}max-file cannot be less than 1` });
  assert.throws(read('json-file', { compress: 'true' }), { message: `${prefix}compress cannot be true when max-file is less than 2 or max-size is not set` });
  assert.throws(read('local', { 'max-size': 'x' }), { message: `${prefix}invalid value for max-size: x: invalid size: 'x'` });
  assert.throws(read('local', { 'max-file': '1' }), { message: `${prefix}compression cannot be enabled when max file count is 1` });
  assert.throws(read('local', { compress: 'maybe' }), { message: `${prefix}error reading compress log option: strconv.ParseBool: parsing "maybe": invalid syntax` });
});

test('drivers must keep as much as Docker’s do unless told otherwise', () => {
  assert.equal(logOptionsOf(record('none', {}), '/log'), undefined);
  assert.deepEqual(logOptionsOf(record('json-file', { labels: 'app' }), '/log'), { path: '/log', maxSize: 0, maxFiles: 1, attributes: '{"app":"shop"}' });
  assert.deepEqual(logOptionsOf(record('local', {}), '/log'), { path: '/log', maxSize: 20 * 1024 * 1024, maxFiles: 5, sharing: 'compressed', attributes: undefined });
  assert.deepEqual(logOptionsOf(record('local', { 'max-size': '1k', 'max-file': '1', compress: 'false' }), '/log'), { path: '/log', maxSize: 1024, maxFiles: 1, attributes: undefined });
});

test('what a server got must be readable unless its cache is off, and a journal always', () => {
  for (const [Type, Config, readable] of [['syslog', {}, true], ['syslog', { 'cache-disabled': 'true' }, false], ['journald', { 'cache-disabled': 'true' }, true], ['none', {}, false]] as const) {
    assert.equal(isReadable({ Type, Config }), readable, `${Type} ${JSON.stringify(Config)}`);
  }
  assert.equal(logOptionsOf(record('syslog', { 'cache-max-size': '1m' }), '/log')?.maxSize, 1024 * 1024);
  assert.equal(logOptionsOf(record('journald', { 'cache-max-size': '1m' }), '/log')?.maxSize, 20 * 1024 * 1024);
});
