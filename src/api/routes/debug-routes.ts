/** `/debug`: a look into the daemon's own process, where it is in debug mode, as dockerd has for Go's. Profiles are V8's. */
import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSnapshot, getHeapStatistics } from 'node:v8';
import { encodeJson } from '../body/encode-json.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Handler } from '../exchange.ts';
import type { Route } from '../route-table.ts';

const longestProfile = 300;

export function debugRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/debug/vars', handler: inDebugMode(variables) },
    { method: 'GET', path: '/debug/pprof/heap', handler: inDebugMode(heap), lasting: 'watch' },
    { method: 'GET', path: '/debug/pprof/profile', handler: inDebugMode(profile), lasting: 'watch' },
  ];
}

function inDebugMode(handler: Handler): Handler {
  return async (exchange, call) => {
    if (!call.engine.system.debugging) return exchange.reply.json(404, { message: 'page not found' });
    await handler(exchange, call);
  };
}

function variables({ reply }: Exchange): void {
  const { heapUsed, heapTotal, rss, external, arrayBuffers } = process.memoryUsage();
  reply.json(200, {
    cmdline: process.argv,
    memstats: { HeapAlloc: heapUsed, HeapSys: heapTotal, Sys: rss, External: external, ArrayBuffers: arrayBuffers, ...getHeapStatistics() },
    uptime: process.uptime(),
    resources: counted(process.getActiveResourcesInfo()),
  });
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** A `.heapsnapshot`. The daemon stands still while it is taken. */
async function heap({ reply, signal }: Exchange): Promise<void> {
  reply.begin(200, 'application/octet-stream');
  for await (const chunk of getHeapSnapshot()) await reply.write(chunk as Buffer, signal);
  reply.end();
}

/** A `.cpuprofile` of the next `seconds`, 30 unless given. */
async function profile({ reply, signal }: Exchange, { query }: Call): Promise<void> {
  const asked = Number(query.text('seconds'));
  const seconds = Number.isFinite(asked) && asked > 0 ? Math.min(asked, longestProfile) : 30;
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await delay(seconds * 1000, undefined, { signal });
    const { profile: taken } = await session.post('Profiler.stop');
    reply.body(200, 'application/octet-stream', encodeJson(taken));
  } finally {
    session.disconnect();
  }
}
