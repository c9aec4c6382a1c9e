import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PortAllocator, type PortAnswer } from './port-allocator.ts';

const everywhere = ['0.0.0.0', '::'];
const exactly = (port: number): { first: number; last: number } => ({ first: port, last: port });
const any = { first: 0, last: 0 };

function allocator(): PortAllocator {
  return new PortAllocator({ first: 32768, last: 32770 });
}

function port(answer: PortAnswer): number {
  assert.ok('port' in answer, JSON.stringify(answer));
  return answer.port;
}

test('random ports must be taken one after the other and again after the last', () => {
  const ports = allocator();
  assert.deepEqual([1, 2, 3].map(() => port(ports.request(everywhere, 'tcp', any, 'a'))), [32768, 32769, 32770]);
  assert.deepEqual(ports.request(everywhere, 'tcp', any, 'a'), { exhausted: true });
  ports.release(everywhere, 'tcp', 32769, 'a');
  assert.equal(port(ports.request(everywhere, 'tcp', any, 'b')), 32769);
});

test('a port given back must not be the next one given', () => {
  const ports = allocator();
  assert.equal(port(ports.request(everywhere, 'tcp', any, 'a')), 32768);
  ports.release(everywhere, 'tcp', 32768, 'a');
  assert.equal(port(ports.request(everywhere, 'tcp', any, 'a')), 32769);
});

test('a taken port must be refused with its holder and the address it is held at', () => {
  const ports = allocator();
  port(ports.request(['127.0.0.1'], 'tcp', exactly(80), 'first'));
  assert.deepEqual(ports.request(['127.0.0.1'], 'tcp', exactly(80), 'second'), { conflict: { holder: 'first', address: '127.0.0.1' } });
  assert.deepEqual(ports.request(everywhere, 'tcp', exactly(80), 'second'), { conflict: { holder: 'first', address: '127.0.0.1' } });
});

test('a port held everywhere must be refused at every single address', () => {
  const ports = allocator();
  port(ports.request(everywhere, 'tcp', exactly(80), 'first'));
  assert.deepEqual(ports.request(['127.0.0.1'], 'tcp', exactly(80), 'second'), { conflict: { holder: 'first', address: '0.0.0.0' } });
  assert.deepEqual(ports.request(['::1'], 'tcp', exactly(80), 'second'), { conflict: { holder: 'first', address: '::' } });
});

test('protocols, families and single addresses must not stand in each other\'s way', () => {
  const ports = allocator();
  port(ports.request(['127.0.0.1'], 'tcp', exactly(80), 'a'));
  assert.equal(port(ports.request(['127.0.0.1'], 'udp', exactly(80), 'b')), 80);
  assert.equal(port(ports.request(['127.0.0.2'], 'tcp', exactly(80), 'b')), 80);
  assert.equal(port(ports.request(['::1'], 'tcp', exactly(80), 'b')), 80);
});

test('a range must pass over taken ports and take one that is free at all addresses', () => {
  const ports = allocator();
  port(ports.request(['127.0.0.1'], 'tcp', exactly(8000), 'a'));
  port(ports.request(['::1'], 'tcp', exactly(8001), 'a'));
  assert.equal(port(ports.request(['127.0.0.1', '::1'], 'tcp', { first: 8000, last: 8003 }, 'b')), 8002);
});

test('a failed request must take nothing', () => {
  const ports = allocator();
  port(ports.request(['::'], 'tcp', exactly(80), 'a'));
  assert.ok('conflict' in ports.request(everywhere, 'tcp', exactly(80), 'b'));
  assert.equal(port(ports.request(['0.0.0.0'], 'tcp', exactly(80), 'c')), 80);
});
