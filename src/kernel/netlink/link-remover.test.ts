import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { checked, declare } from '../libc.ts';
import { LinkRemover } from './link-remover.ts';
import { randomMacAddress } from './mac-address.ts';
import { RouteSocket } from './route-socket.ts';

const CLONE_NEWNET = 0x40000000;
// Threads of the pool stay in the machine's namespace; what goes must be this one's all the same.
await stat('/');
checked(declare('int unshare(int flags)')(CLONE_NEWNET), 'unshare');

function makeBridge(routes: RouteSocket, name: string): number {
  routes.createBridge(name, { macAddress: randomMacAddress(), mtu: 1500 });
  const index = routes.link(name)?.index ?? 0;
  routes.addAddress(index, '10.9.8.1', 24);
  routes.setUp(index, name);
  return index;
}

test('an interface must be gone for everybody once its removal is told, and its name free', async () => {
  using routes = new RouteSocket();
  const remover = new LinkRemover();
  for (let round = 0; round < 3; round++) {
    const index = makeBridge(routes, 'gone0');
    assert.ok(routes.links().some(({ name }) => name === 'gone0'));
    await remover.remove(index);
    assert.equal(routes.link('gone0'), undefined);
    assert.deepEqual(routes.links().filter(({ name }) => name === 'gone0'), []);
  }
  await remover.remove(99999);
});

test('removals that are asked for at once must all be done', async () => {
  using routes = new RouteSocket();
  const remover = new LinkRemover();
  const names = Array.from({ length: 8 }, (_, number) => `many${number}`);
  const indexes = names.map((name) => makeBridge(routes, name));
  await Promise.all(indexes.map((index) => remover.remove(index)));
  assert.deepEqual(routes.links().map(({ name }) => name).filter((name) => name.startsWith('many')), []);
  assert.ok(readdirSync('/proc/self/fd').length < 100);
});
