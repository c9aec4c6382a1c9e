import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv6Bytes, ipv6Text } from './ipv6-bytes.ts';

test('every way to write an address must lead to its canonical text', () => {
  for (const [written, canonical] of [
    ['::', '::'], ['::1', '::1'], ['1::', '1::'], ['FD00:0:0:1:0:0:0:2', 'fd00:0:0:1::2'], ['fd00::1:0:0:0:2', 'fd00:0:0:1::2'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], ['::ffff:10.1.2.3', '::ffff:a01:203'], ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'], ['fe80::a:b', 'fe80::a:b'],
  ] as const) assert.equal(ipv6Text(ipv6Bytes(written)), canonical, written);
});
