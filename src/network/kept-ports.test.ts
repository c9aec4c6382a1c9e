import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepPorts } from './kept-ports.ts';

const had = { '80/tcp': [{ HostIp: '::', HostPort: '32001' }], '81/tcp': null, '82/tcp': [{ HostIp: '::', HostPort: '8005' }] };

test('a chosen port must be kept, and a binding without effect so far be asked for again', () => {
  const portBindings = { '80/tcp': [{ HostIp: '', HostPort: '' }], '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }], '82/tcp': [{ HostIp: '', HostPort: '8000-8010' }] };
  assert.deepEqual(keepPorts({ exposedPorts: Object.keys(portBindings), portBindings, publishAll: false }, had), {
    '80/tcp': [{ HostIp: '', HostPort: '32001' }],
    '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }],
    '82/tcp': [{ HostIp: '', HostPort: '8005' }],
  });
});

test('publish-all must keep what it chose', () => {
  assert.deepEqual(keepPorts({ exposedPorts: ['80/tcp'], portBindings: {}, publishAll: true }, had), { '80/tcp': [{ HostIp: '', HostPort: '32001' }] });
});
