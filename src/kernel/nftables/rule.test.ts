import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checked, declare } from '../libc.ts';
import { runProgram } from '../run-program.ts';
import { loadRuleset } from './load-ruleset.ts';
import { elementField, NetfilterSocket } from './netfilter-socket.ts';
import { interfaceKey, ruleText, type Rule } from './rule.ts';

const CLONE_NEWNET = 0x40000000;
checked(declare('int unshare(int flags)')(CLONE_NEWNET), 'unshare');

const listed = async (family: 'ip' | 'ip6', table: string): Promise<string> => (await runProgram('nft', ['list', 'table', family, table])).stdout;

const rulesOf = (family: 4 | 6): Rule[] => [
  { matches: [{ kind: 'known' }], verdict: 'accept' },
  { matches: [{ kind: 'interface', direction: 'in', name: 'br-0123456789ab' }, { kind: 'translated' }], verdict: 'accept' },
  { matches: [{ kind: 'interface', direction: 'out', name: 'br0', other: true }], verdict: 'drop' },
  { matches: [{ kind: 'interfaceSet', set: 'bridges' }], verdict: 'drop' },
  { matches: [{ kind: 'protocol', number: family === 4 ? 1 : 58 }], verdict: 'accept' },
  { matches: [{ kind: 'destinationSet', set: 'open_ports' }], verdict: 'accept' },
  { matches: [], verdict: 'drop' },
];
const translating = (family: 4 | 6): Rule[] => [
  { matches: [{ kind: 'source', ...(family === 4 ? { address: '172.18.0.0', prefixLength: 15 } : { address: 'fd00:1::', prefixLength: 61 }) }, { kind: 'translated' }], verdict: 'masquerade' },
  { matches: [{ kind: 'interface', direction: 'out', name: 'br0', other: true }], verdict: { source: family === 4 ? '198.18.0.1' : 'fd00:18::1' } },
];

for (const [family, ip, address] of [[4, 'ip', 'ipv4_addr'], [6, 'ip6', 'ipv6_addr']] as const) {
  test(`rules of ${ip} must be the same whether nft reads them or the kernel is told them`, async () => {
    const bones = (table: string): string => `
      add table ${ip} ${table}
      add chain ${ip} ${table} own
      add chain ${ip} ${table} leave
      add set ${ip} ${table} bridges { type ifname; }
      add set ${ip} ${table} open_ports { type ${address} . inet_proto . inet_service; }
      add map ${ip} ${table} leads { type ${address} : verdict; flags interval; }
      add chain ${ip} ${table} base { type nat hook postrouting priority 100; }\n`;
    const told = (chain: string, rules: readonly Rule[]): string => rules.map((rule) => `add rule ${ip} read ${chain} ${ruleText(rule, family)}\n`).join('');
    const [first, behind] = family === 4 ? ['172.18.0.0', '172.20.0.0'] : ['fd00:1::', 'fd00:2::'];
    const subnet = family === 4 ? '172.18.0.0/15' : 'fd00:1::/32';
    await loadRuleset([bones('read'), told('own', rulesOf(family)), told('leave', translating(family)), `add element ${ip} read bridges { "br0" }\nadd element ${ip} read leads { ${subnet} : jump leave }\n`, bones('told')].join(''));
    using socket = new NetfilterSocket();
    const elements = [
      { family, map: 'bridges', key: interfaceKey('br0'), value: undefined },
      { family, map: 'leads', key: elementField.address(first), value: { chain: 'leave' } },
      { family, map: 'leads', key: elementField.address(behind), value: undefined, intervalEnd: true },
    ];
    const bare = await listed(ip, 'told');
    socket.change('told', (transaction) => {
      transaction.setChain(family, 'own', rulesOf(family));
      transaction.setChain(family, 'leave', translating(family));
      transaction.addElements(elements);
    });
    assert.equal((await listed(ip, 'told')).replace(`table ${ip} told`, `table ${ip} read`), await listed(ip, 'read'));
    socket.change('told', (transaction) => {
      transaction.removeElements(elements);
      transaction.setChain(family, 'own', []);
      transaction.setChain(family, 'leave', []);
    });
    assert.equal(await listed(ip, 'told'), bare);
    socket.change('told', (transaction) => transaction.removeChain(family, 'leave'));
    assert.doesNotMatch(await listed(ip, 'told'), /chain leave/);
  });
}

test('a change must be made as a whole or not at all, also one of thousands of elements', async () => {
  await loadRuleset('add table ip many\nadd set ip many open_ports { type ipv4_addr . inet_proto . inet_service; }\n');
  using socket = new NetfilterSocket();
  const elements = Array.from({ length: 5000 }, (_, port) => ({ family: 4 as const, map: 'open_ports', key: Buffer.concat([elementField.address('10.0.0.1'), elementField.protocol(6), elementField.port(port + 1)]), value: undefined }));
  const missing = { family: 4 as const, map: 'absent', key: elementField.address('10.0.0.1'), value: undefined };
  assert.throws(() => socket.change('many', (transaction) => transaction.addElements([...elements, missing])), { code: 'kernel.syscall_failed' });
  assert.doesNotMatch(await listed('ip', 'many'), /elements/);
  socket.change('many', (transaction) => transaction.addElements(elements));
  assert.equal((await listed('ip', 'many')).match(/10\.0\.0\.1/g)?.length, 5000);
});
