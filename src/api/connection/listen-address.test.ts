import assert from 'node:assert/strict';
import test from 'node:test';
import { formatListenAddress, parseListenAddress } from './listen-address.ts';

const parse = (text: string) => parseListenAddress(text, '/run/default.sock');

test('addresses must be read as dockerd reads them', () => {
  assert.deepEqual(parse(''), { kind: 'unix', path: '/run/default.sock' });
  assert.deepEqual(parse('unix://'), { kind: 'unix', path: '/run/default.sock' });
  assert.deepEqual(parse(' unix:///x/y.sock '), { kind: 'unix', path: '/x/y.sock' });
  assert.deepEqual(parse('tcp://'), { kind: 'tcp', host: 'localhost', port: 2375 });
  assert.deepEqual(parse('tcp://0.0.0.0:80'), { kind: 'tcp', host: '0.0.0.0', port: 80 });
  assert.deepEqual(parse('127.0.0.1:80'), { kind: 'tcp', host: '127.0.0.1', port: 80 });
  assert.deepEqual(parse('tcp://[::1]:80'), { kind: 'tcp', host: '::1', port: 80 });
  assert.deepEqual(parse('tcp://:80'), { kind: 'tcp', host: 'localhost', port: 80 });
  assert.deepEqual(parse('fd://'), { kind: 'fd', which: undefined });
  assert.deepEqual(parse('fd://3'), { kind: 'fd', which: 3 });
});

test('wrong addresses must be refused in dockerd’s words', () => {
  assert.throws(() => parse('foo://x'), { message: "invalid bind address (foo://x): unsupported proto 'foo'" });
  assert.throws(() => parse('tcp://a:b'), { message: 'invalid bind address (tcp://a:b): invalid port: b' });
  assert.throws(() => parse('tcp://a:0'), { message: 'invalid bind address (tcp://a:0): invalid port: 0' });
  assert.throws(() => parse('tcp://a/b'), { message: 'invalid bind address (tcp://a/b): should not contain a path element' });
  assert.throws(() => parse('unix://tcp://x'), { message: 'invalid bind address (unix://tcp://x): invalid unix address: tcp://x' });
});

test('an address must be written as it is read', () => {
  for (const text of ['unix:///x', 'tcp://[::1]:80', 'tcp://1.2.3.4:80', 'fd://', 'fd://4']) assert.equal(formatListenAddress(parse(text)), text);
});
