import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PortMap } from '#schema/container-config.ts';
import { applyPortChange } from './port-changes.ts';

const wishes = { exposedPorts: ['80/tcp', '81/tcp'], portBindings: { '80/tcp': [{ HostIp: '', HostPort: '' }, { HostIp: '127.0.0.1', HostPort: '8080' }] }, publishAll: false };
const bound: PortMap = { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }, { HostIp: '0.0.0.0', HostPort: '32768' }, { HostIp: '::', HostPort: '32768' }], '81/tcp': null };
const every = { HostIp: '', HostPort: '' };

test('a port that is added must be exposed, too, and stand beside the others', () => {
  const { wishes: after, withdrawn } = applyPortChange('web', wishes, bound, { add: { '82/udp': [{ HostIp: '', HostPort: '53' }] }, remove: {} });
  assert.deepEqual(after.exposedPorts, ['80/tcp', '81/tcp', '82/udp']);
  assert.deepEqual(after.portBindings, { ...wishes.portBindings, '82/udp': [{ HostIp: '', HostPort: '53' }] });
  assert.deepEqual(withdrawn, {});
});

test('a port must be removed by the number that the daemon chose, at all its addresses', () => {
  const { wishes: after, withdrawn } = applyPortChange('web', wishes, bound, { add: {}, remove: { '80/tcp': [{ HostIp: '', HostPort: '32768' }] } });
  assert.deepEqual(after.portBindings, { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] });
  assert.deepEqual(withdrawn, { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '32768' }, { HostIp: '::', HostPort: '32768' }] });
});

test('no binding must stand for all of a port, and an address for its own', () => {
  assert.deepEqual(applyPortChange('web', wishes, bound, { add: {}, remove: { '80/tcp': [] } }).wishes.portBindings, {});
  assert.deepEqual(applyPortChange('web', wishes, bound, { add: {}, remove: { '80/tcp': [every] } }).withdrawn['80/tcp']?.length, 3);
  const { wishes: after } = applyPortChange('web', wishes, bound, { add: {}, remove: { '80': [{ HostIp: '127.0.0.1', HostPort: '' }] } });
  assert.deepEqual(after.portBindings, { '80/tcp': [every] });
});

test('a port published because all are must go for good, and the others stay', () => {
  const all = { exposedPorts: ['80/tcp', '81/tcp'], portBindings: {}, publishAll: true };
  const random: PortMap = { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '32768' }], '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '32769' }] };
  const { wishes: after, withdrawn } = applyPortChange('web', all, random, { add: {}, remove: { '81/tcp': [] } });
  assert.deepEqual(after, { exposedPorts: ['80/tcp', '81/tcp'], portBindings: { '80/tcp': [every] }, publishAll: false });
  assert.deepEqual(withdrawn, { '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '32769' }] });
});

test('what is not published must be refused with what is', () => {
  assert.throws(() => applyPortChange('web', wishes, bound, { add: {}, remove: { '80/tcp': [{ HostIp: '', HostPort: '9' }] } }), {
    message: 'container web does not publish 9:80/tcp: it publishes 0.0.0.0:32768:80/tcp, [::]:32768:80/tcp, 127.0.0.1:8080:80/tcp',
  });
});
