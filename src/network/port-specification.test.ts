import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import type { PortMap } from '#schema/container-config.ts';
import { groupBindings, normalizeAddress, parseContainerPort, validatePortBindings } from './port-specification.ts';

test('a container port must be read with its protocol, tcp by default', () => {
  assert.deepEqual(parseContainerPort('80/udp'), { number: 80, protocol: 'udp' });
  assert.deepEqual(parseContainerPort('80'), { number: 80, protocol: 'tcp' });
  assert.deepEqual(parseContainerPort('80/'), { number: 80, protocol: 'tcp' });
  assert.deepEqual(parseContainerPort('80/TCP'), { number: 80, protocol: 'tcp' });
});

test('what is no container port must count as 0, as in Docker', () => {
  assert.equal(parseContainerPort('bogus').number, 0);
  assert.equal(parseContainerPort('80-82/tcp').number, 0);
});

test('bad ports in bindings must be refused with Docker\'s text', () => {
  const cases: [PortMap, string][] = [
    [{ '80/tcp': [{ HostIp: '', HostPort: 'bogus' }] }, 'invalid port specification: "bogus"'],
    [{ 'bogus/tcp': [] }, 'invalid port specification: "bogus"'],
    [{ '80-82/tcp': null }, 'invalid port specification: "80-82"'],
    [{ '80/tcp': [{ HostIp: '', HostPort: '90000' }] }, 'invalid port specification: "90000"'],
    [{ '80/tcp': [{ HostIp: '', HostPort: '9000-8000' }] }, 'invalid port specification: "9000-8000"'],
  ];
  for (const [bindings, message] of cases) {
    assert.throws(() => validatePortBindings(bindings), (error) => isFailure(error, 'network.invalid_port') && error.message === message, message);
  }
});

test('good bindings must pass', () => {
  validatePortBindings({ '80/tcp': [{ HostIp: '', HostPort: '' }, { HostIp: 'bogus', HostPort: '8000-8010' }], '81': [{ HostIp: '', HostPort: '0' }], '82/udp': null });
});

test('bindings of ports that are not exposed must be left out', () => {
  assert.deepEqual(groupBindings([], { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }, true), []);
});

test('publish-all must publish exposed ports without bindings at random ports', () => {
  assert.deepEqual(groupBindings(['80/tcp', '53/udp'], { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }, true), [
    { containerPort: 80, protocol: 'tcp', firstHostPort: 8080, lastHostPort: 8080, hostAddresses: [''] },
    { containerPort: 53, protocol: 'udp', firstHostPort: 0, lastHostPort: 0, hostAddresses: [''] },
  ]);
});

test('bindings that differ in the address only must form one group, and exact ports come before ranges', () => {
  const bindings = { '80/tcp': [
    { HostIp: '', HostPort: '8000-8010' },
    { HostIp: '::1', HostPort: '9000' },
    { HostIp: '127.0.0.1', HostPort: '9000' },
    { HostIp: '127.0.0.1', HostPort: '' },
  ] };
  assert.deepEqual(groupBindings(['80/tcp'], bindings, false).map(({ firstHostPort, lastHostPort, hostAddresses }) => [firstHostPort, lastHostPort, hostAddresses]), [
    [9000, 9000, ['127.0.0.1', '::1']],
    [0, 0, ['127.0.0.1']],
    [8000, 8010, ['']],
  ]);
});

test('host addresses must be brought to the form that the kernel prints', () => {
  assert.equal(normalizeAddress('0:0:0:0:0:0:0:1'), '::1');
  assert.equal(normalizeAddress('FD00::0001'), 'fd00::1');
  assert.equal(normalizeAddress('::ffff:127.0.0.1'), '127.0.0.1');
  assert.equal(normalizeAddress('::ffff:7f00:2'), '127.0.0.2');
  assert.equal(normalizeAddress('bogus'), '');
  assert.equal(normalizeAddress('fe80::1%eth0'), '');
  assert.equal(normalizeAddress(''), '');
});
