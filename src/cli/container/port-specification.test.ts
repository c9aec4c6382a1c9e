import assert from 'node:assert/strict';
import test from 'node:test';
import { parseExpose, parsePublished } from './port-specification.ts';

const shown = (text: string): string[] => parsePublished([text]).map(({ port, binding }) => `${binding.HostIp}:${binding.HostPort}:${port}`);

test('a publish must name its ports in every form', () => {
  assert.deepEqual(shown('80'), ['::80/tcp']);
  assert.deepEqual(shown('8080:80/UDP'), [':8080:80/udp']);
  assert.deepEqual(shown('127.0.0.1:8080:80'), ['127.0.0.1:8080:80/tcp']);
  assert.deepEqual(shown('[::1]:82:82'), ['::1:82:82/tcp']);
  assert.deepEqual(shown('0.0.0.0::99'), ['0.0.0.0::99/tcp']);
  assert.deepEqual(shown('90-91:190-191'), [':90:190/tcp', ':91:191/tcp']);
  assert.deepEqual(shown('100-102:103'), [':100-102:103/tcp']);
  assert.deepEqual(shown('target=80,published=8080,protocol=udp'), [':8080:80/udp']);
});

for (const [text, message] of [
  ['', 'no port specified: <empty>'],
  ['80:', 'no port specified: 80:<empty>'],
  ['80:abc', 'invalid containerPort: abc'],
  ['abc:80', 'invalid hostPort: abc'],
  ['99999', 'invalid containerPort: 99999'],
  ['5-3', 'invalid containerPort: 5-3'],
  ['1-3:4-5', 'invalid ranges specified for container and host Ports: 4-5 and 1-3'],
  ['80/foo', 'invalid proto: foo'],
  ['x:80:80', 'invalid IP address: x'],
  ['=x', "invalid publish opts format (should be name=value but got '=x')"],
] as const) {
  test(`publish ${text} must be refused with Docker's text`, () => {
    assert.throws(() => parsePublished([text]), { message });
  });
}

test('every long form must be checked before the first port is', () => {
  assert.throws(() => parsePublished(['nonsense', '=x']), { message: /invalid publish opts format/ });
});

test('expose must take ports and ranges, and refuse mappings', () => {
  assert.deepEqual(parseExpose('80'), ['80/tcp']);
  assert.deepEqual(parseExpose('90-92/udp'), ['90/udp', '91/udp', '92/udp']);
  assert.throws(() => parseExpose('80:80'), { message: 'invalid port format for --expose: 80:80' });
  assert.throws(() => parseExpose('90-80'), { message: 'invalid range format for --expose: 90-80, error: invalid range specified for port: 90-80' });
});
