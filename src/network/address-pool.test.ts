import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressPool } from './address-pool.ts';
import { formatAddress, parseAddress, parseInterfaceAddress } from './ipv4-subnet.ts';

function poolOf(subnet: string): AddressPool {
  const parsed = parseInterfaceAddress(subnet);
  assert.ok(parsed !== undefined);
  return new AddressPool(parsed.subnet);
}

function addressOf(text: string): number {
  const address = parseAddress(text);
  assert.ok(address !== undefined);
  return address;
}

function take(pool: AddressPool): string {
  const address = pool.take();
  return address === undefined ? 'none' : formatAddress(address);
}

test('a pool must give the lowest free address, also one that was given back', () => {
  const pool = poolOf('172.17.0.0/16');
  assert.ok(pool.claim(addressOf('172.17.0.1')));
  assert.deepEqual([take(pool), take(pool), take(pool)], ['172.17.0.2', '172.17.0.3', '172.17.0.4']);
  pool.release(addressOf('172.17.0.3'));
  pool.release(addressOf('172.17.0.2'));
  assert.deepEqual([take(pool), take(pool), take(pool)], ['172.17.0.2', '172.17.0.3', '172.17.0.5']);
});

test('a pool must never give network or broadcast address and must say when it is empty', () => {
  const pool = poolOf('10.0.0.8/30');
  assert.deepEqual([take(pool), take(pool), take(pool)], ['10.0.0.9', '10.0.0.10', 'none']);
  pool.release(addressOf('10.0.0.10'));
  assert.equal(take(pool), '10.0.0.10');
});

test('a claimed address must not be given nor claimed again, and none outside can be claimed', () => {
  const pool = poolOf('192.168.5.0/24');
  assert.ok(pool.claim(addressOf('192.168.5.2')));
  assert.equal(pool.claim(addressOf('192.168.5.2')), false);
  assert.equal(pool.claim(addressOf('192.168.6.2')), false);
  assert.deepEqual([take(pool), take(pool)], ['192.168.5.1', '192.168.5.3']);
});

test('giving back what was never given must change nothing', () => {
  const pool = poolOf('10.0.0.0/24');
  assert.equal(take(pool), '10.0.0.1');
  pool.release(addressOf('10.0.0.200'));
  pool.release(addressOf('11.0.0.1'));
  assert.equal(take(pool), '10.0.0.2');
});

test('the upper half of the address space must work like the lower', () => {
  const pool = poolOf('223.255.255.0/24');
  assert.equal(take(pool), '223.255.255.1');
});
