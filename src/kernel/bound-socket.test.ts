import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { EngineError } from '#base/errors/failure.ts';
import { BoundSocket, ipv6Bytes } from './bound-socket.ts';

test('IPv6 addresses must be read in all their forms', () => {
  assert.equal(ipv6Bytes('::').toString('hex'), '0'.repeat(32));
  assert.equal(ipv6Bytes('::1').toString('hex'), '1'.padStart(32, '0'));
  assert.equal(ipv6Bytes('fd00:18::a:1').toString('hex'), 'fd0000180000000000000000000a0001');
  assert.equal(ipv6Bytes('1:2:3:4:5:6:7:8').toString('hex'), '00010002000300040005000600070008');
  assert.equal(ipv6Bytes('fe80::').toString('hex'), 'fe80'.padEnd(32, '0'));
  assert.equal(ipv6Bytes('::ffff:192.0.2.1').toString('hex'), 'ffffc0000201'.padStart(32, '0'));
});

test('a port that a server has must be refused with its errno', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  for (const taken of ['127.0.0.1', '0.0.0.0']) {
    assert.throws(() => new BoundSocket('tcp', taken, address.port), (error) => error instanceof EngineError && error.details['errno'] === 'EADDRINUSE');
  }
});

test('an address that is not the host\'s must be refused with its errno', () => {
  assert.throws(() => new BoundSocket('tcp', '192.0.2.77', 0), (error) => error instanceof EngineError && error.details['errno'] === 'EADDRNOTAVAIL');
});
