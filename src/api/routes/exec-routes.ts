/** `/exec`: Engine API 1.51. */
import { decodeExecRequest, decodeExecStartRequest } from '../body/exec-request.ts';
import type { Call, Exchange, Hijack } from '../exchange.ts';
import type { Route } from '../route-table.ts';
import { multiplexedStream, rawStream } from '../stream-types.ts';

export function execRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/exec/{name}/json', handler: inspect },
    { method: 'POST', path: '/containers/{name}/exec', handler: create },
    { method: 'POST', path: '/exec/{name}/start', hijack: start },
    { method: 'POST', path: '/exec/{name}/resize', handler: resize },
  ];
}

async function create(exchange: Exchange, { engine, name, version }: Call): Promise<void> {
  const request = decodeExecRequest(await exchange.json({ optional: true }));
  if (!version.atLeast(42)) delete request.ConsoleSize;
  exchange.reply.json(201, await engine.execs.create(name, request));
}

async function inspect({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  reply.json(200, await engine.execs.inspect(name));
}

async function start(hijack: Hijack, { engine, name, version }: Call): Promise<void> {
  const request = decodeExecStartRequest(await hijack.json({ optional: true }));
  if (request.Detach) {
    await engine.execs.startDetached(name, hijack.signal);
    return hijack.answer(200);
  }
  const [rows, columns] = request.ConsoleSize ?? [0, 0];
  const sized = request.ConsoleSize !== undefined && request.Tty && version.atLeast(42);
  const exec = await engine.execs.startAttached(name, { tty: request.Tty, consoleSize: sized ? { rows, columns } : undefined });
  const client = hijack.take(!exec.terminal && version.atLeast(42) ? multiplexedStream : rawStream, { standardHeaders: true });
  await exec.join(client, hijack.signal);
}

async function resize({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  const rows = query.size('h', 'resize height');
  const columns = query.size('w', 'resize width');
  await engine.execs.resize(name, { rows, columns });
  reply.empty(200);
}
