import assert from 'node:assert/strict';
import test from 'node:test';
import { parseNetworkCounters, readNetworkCounters } from './network-counters.ts';

test('counters must be read from the columns of both directions, by interface', () => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0',
    '  eth0:     266       3    1    2    0     0          0         0       84       2    4    5    0     0       0          0',
    '',
  ].join('\n');
  const found = parseNetworkCounters(text);
  assert.deepEqual([...found.keys()], ['lo', 'eth0']);
  assert.deepEqual(found.get('eth0'), {
    receivedBytes: 266, receivedPackets: 3, receiveErrors: 1, receiveDrops: 2, sentBytes: 84, sentPackets: 2, sendErrors: 4, sendDrops: 5,
  });
});

test('a process that has ended must have no interfaces', () => {
  assert.equal(readNetworkCounters(process.pid).has('lo'), true);
  assert.equal(readNetworkCounters(2 ** 22 + 1).size, 0);
});
