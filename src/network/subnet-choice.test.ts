import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSubnet, parseInterfaceAddress, type Subnet } from './ipv4-subnet.ts';
import { chooseSubnet } from './subnet-choice.ts';

function subnets(...texts: string[]): Subnet[] {
  return texts.map((text) => {
    const parsed = parseInterfaceAddress(text);
    assert.ok(parsed !== undefined);
    return parsed.subnet;
  });
}

function choice(...used: string[]): string {
  const subnet = chooseSubnet(subnets(...used));
  return subnet === undefined ? 'none' : formatSubnet(subnet);
}

test('the first pool must be chosen on a machine that uses none', () => {
  assert.equal(choice(), '172.17.0.0/16');
  assert.equal(choice('192.0.2.0/24', '10.0.0.0/8'), '172.17.0.0/16');
});

test('a pool that is used in part must be passed over', () => {
  assert.equal(choice('172.17.5.9/32'), '172.18.0.0/16');
  assert.equal(choice('172.16.0.0/13'), '172.24.0.0/16');
  assert.equal(choice('172.17.0.0/16', '172.18.0.0/16', '172.19.0.0/16', '172.20.0.0/16'), '172.21.0.0/16');
});

test('after 172.31 the pools must go on in 192.168 with shorter subnets', () => {
  assert.equal(choice('172.16.0.0/12'), '192.168.0.0/20');
  assert.equal(choice('172.16.0.0/12', '192.168.1.0/24'), '192.168.16.0/20');
});

test('there must be none when all is used', () => {
  assert.equal(choice('172.16.0.0/12', '192.168.0.0/16'), 'none');
});
