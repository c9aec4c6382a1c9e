import assert from 'node:assert/strict';
import test from 'node:test';
import { parseEndpoint } from './endpoint.ts';

test('addresses must be understood as Docker understands them', () => {
  assert.equal(parseEndpoint('').address, 'unix:///run/dhow/docker.sock');
  assert.equal(parseEndpoint('unix://').address, 'unix:///run/dhow/docker.sock');
  assert.deepEqual(parseEndpoint(' unix:///x.sock '), { kind: 'unix', address: 'unix:///x.sock', path: '/x.sock' });
  assert.equal(parseEndpoint('tcp://10.0.0.1').address, 'tcp://10.0.0.1:2375');
  assert.equal(parseEndpoint('10.0.0.1:80').address, 'tcp://10.0.0.1:80');
  assert.equal(parseEndpoint('tcp://:1234').address, 'tcp://localhost:1234');
  assert.equal(parseEndpoint('tcp://h', { verify: true }).address, 'tcp://h:2376');
  const v6 = parseEndpoint('tcp://[::1]:5/base');
  assert.ok(v6.kind === 'tcp');
  assert.deepEqual([v6.host, v6.port, v6.basePath], ['::1', 5, '/base']);
});

for (const [text, message] of [
  ['bogus://x', 'invalid bind address format: bogus://x'],
  ['tcp://x:99999', 'invalid bind address format: x:99999'],
  ['unix://tcp://x', 'invalid proto, expected unix: tcp://x'],
] as const) {
  test(`${text} must be refused with Docker's text`, () => {
    assert.throws(() => parseEndpoint(text), { message });
  });
}
