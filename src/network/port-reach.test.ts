import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FirewallChain } from '#kernel/nftables/filter-chains.ts';
import type { PortReach } from '#schema/port-reach.ts';
import { reachOf } from './port-reach.ts';

const own: FirewallChain = { family: 'ip', table: 'dhow_dhow0', chain: 'forward', hook: 'forward', policy: 'accept', rules: 3 };
const admin: FirewallChain = { ...own, chain: 'admin', hook: undefined, rules: 0 };

function one(HostIp: string, hostAddresses: readonly string[], chains: readonly FirewallChain[] = [own, admin], translated = true): PortReach {
  const [reach] = reachOf({ ports: { '80/tcp': [{ HostIp, HostPort: '8080' }] }, hostAddresses, chains, table: 'dhow_dhow0', translates: () => translated });
  assert.ok(reach !== undefined);
  return reach;
}

test('the addresses of a port must say who reaches it', () => {
  assert.equal(one('127.0.0.1', ['192.168.1.5']).Reach, 'loopback');
  assert.equal(one('::1', ['fd00::1']).Reach, 'loopback');
  assert.equal(one('0.0.0.0', ['127.0.0.1', '192.168.1.5']).Reach, 'local');
  assert.equal(one('0.0.0.0', ['192.168.1.5', '203.0.113.7']).Reach, 'everyone');
  assert.equal(one('::', ['fe80::1', 'fd00::1', '203.0.113.7']).Reach, 'local');
  assert.equal(one('::', ['2001:db8::1']).Reach, 'everyone');
  assert.equal(one('10.1.2.3', ['203.0.113.7']).Reach, 'local');
  assert.equal(one('0.0.0.0', ['127.0.0.1']).Reach, 'loopback');
});

test('the chain that decides must be named, with whose it is', () => {
  assert.equal(one('0.0.0.0', ['192.168.1.5']).Summary, 'the local network, at 192.168.1.5: chain forward of table ip dhow_dhow0 lets published ports pass, and no other firewall stands before it');
  const ufw: FirewallChain = { family: 'ip', table: 'filter', chain: 'FORWARD', hook: 'forward', policy: 'drop', rules: 6 };
  const marker: FirewallChain = { ...ufw, chain: 'ufw-user-forward', hook: undefined };
  assert.equal(one('0.0.0.0', ['203.0.113.7'], [own, admin, ufw, marker]).Summary, 'everyone, at 203.0.113.7, where chain FORWARD of table ip filter (ufw, policy drop) lets it pass');
  const firewalld: FirewallChain = { family: 'inet', table: 'firewalld', chain: 'filter_FORWARD', hook: 'forward', policy: 'accept', rules: 5 };
  assert.deepEqual(one('0.0.0.0', ['203.0.113.7'], [own, firewalld]).Firewall.map(({ Owner }) => Owner), ['engine', 'firewalld']);
  assert.equal(one('0.0.0.0', ['203.0.113.7'], [own, { ...ufw, rules: 0 }]).Summary, 'this machine alone: chain FORWARD of table ip filter (iptables) drops everything');
  assert.deepEqual(one('0.0.0.0', ['203.0.113.7'], [own, { ...admin, rules: 2 }]).Firewall.map(({ Owner }) => Owner), ['engine', 'admin']);
});

test('a port that a relay serves must be judged by the chains of input', () => {
  const input: FirewallChain = { family: 'inet', table: 'mine', chain: 'in', hook: 'input', policy: 'drop', rules: 2 };
  assert.deepEqual(one('::', ['2001:db8::1'], [own, input], false).Firewall.map(({ Table, Chain }) => `${Table} ${Chain}`), ['inet mine in']);
  assert.match(one('::', ['2001:db8::1'], [own], false).Summary, /no firewall stands before it$/);
});
