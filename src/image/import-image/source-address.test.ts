import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceAddress } from './source-address.ts';

test('an address without a scheme must be of HTTP, and be shown as it is asked for', () => {
  assert.equal(sourceAddress('host:8080/a b').text, 'http://host:8080/a%20b');
  assert.equal(sourceAddress('HTTPS://host/x?y#z').text, 'https://host/x?y#z');
  assert.equal(sourceAddress('http://[::1]:5/x').url.port, '5');
});

test('what is no address must be refused in the words of Docker', () => {
  for (const [source, message] of [
    ['http://%zz', 'parse "http://%zz": invalid URL escape "%zz"'],
    ['http://127.0.0.1:bad/x', 'parse "http://127.0.0.1:bad/x": invalid port ":bad" after host'],
    ['a b', 'parse "http://a b": invalid character " " in host name'],
    ['://x', 'parse "://x": missing protocol scheme'],
    ['http://', 'Get "http:": http: no Host in request URL'],
    ['ftp://x/y', 'Get "ftp://x/y": unsupported protocol scheme "ftp"'],
    ['file:///etc/passwd', 'Get "file:///etc/passwd": unsupported protocol scheme "file"'],
  ] as const) {
    assert.throws(() => sourceAddress(source), { message }, source);
  }
});
