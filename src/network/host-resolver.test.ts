import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResolver, readHostResolver } from './host-resolver.ts';

const files = (contents: Record<string, string>) => (path: string): string => contents[path] ?? '';

test('servers, the last search line and all options must be read', () => {
  const text = '# comment\nnameserver 10.0.0.1\n; other\nnameserver fd00::1\nnameserver bogus\ndomain old.test\nsearch a.test  b.test\noptions ndots:2\noptions timeout:1 rotate\n';
  assert.deepEqual(parseResolver(text), { servers: ['10.0.0.1', 'fd00::1'], search: ['a.test', 'b.test'], options: ['ndots:2', 'timeout:1', 'rotate'] });
});

test('a container must get no server that it cannot reach', () => {
  const read = files({ '/etc/resolv.conf': 'nameserver 127.0.0.1\nnameserver ::1\nnameserver fd00::1\nnameserver 10.0.0.1\nsearch x.test\n' });
  assert.deepEqual(readHostResolver(false, read), { servers: ['10.0.0.1'], search: ['x.test'], options: [] });
});

test('public servers must stand in when none is left, and the rest be kept', () => {
  const read = files({ '/etc/resolv.conf': 'nameserver 127.0.0.1\noptions edns0\n' });
  assert.deepEqual(readHostResolver(false, read), { servers: ['8.8.8.8', '8.8.4.4'], search: [], options: ['edns0'] });
  assert.deepEqual(readHostResolver(false, files({})).servers, ['8.8.8.8', '8.8.4.4']);
});

test('where systemd-resolved answers, the servers it asks must be given', () => {
  const read = files({ '/etc/resolv.conf': 'nameserver 127.0.0.53\noptions trust-ad\n', '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.53\nsearch lan\n' });
  assert.deepEqual(readHostResolver(false, read), { servers: ['192.0.2.53'], search: ['lan'], options: [] });
});

test('a container in the host\'s network must get the file as it is', () => {
  const read = files({ '/etc/resolv.conf': 'nameserver 127.0.0.53\n', '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.53\n' });
  assert.deepEqual(readHostResolver(true, read).servers, ['127.0.0.53']);
});
