/** `/debug`: a look into the daemon's own process, as dockerd has for Go's. Profiles are V8's. */
import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSnapshot, getHeapStatistics } from 'node:v8';
import { encodeJson } from '../body/encode-json.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

const longestProfile = 300;

const profiles = {
  cmdline: 'The command line of the daemon',
  heap: 'A snapshot of live objects (.heapsnapshot)',
  profile: 'A profile of the processor, of the next ?seconds= (.cpuprofile)',
} as const;

export function debugRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/debug/vars', handler: variables },
    { method: 'GET', path: '/debug/pprof/', handler: index },
    { method: 'GET', path: '/debug/pprof/cmdline', handler: commandLine },
    { method: 'GET', path: '/debug/pprof/heap', handler: heap, lasting: 'watch' },
    { method: 'GET', path: '/debug/pprof/profile', handler: profile, lasting: 'watch' },
    { method: 'GET', path: '/debug/pprof/{name}', handler: unknownProfile },
  ];
}

/** What there is, as dockerd lists it. */
function index({ reply }: Exchange): void {
  const rows = Object.entries(profiles).map(([name, text]) => `<tr><td><a href='${name}'>${name}</a></td><td>${text}</td></tr>`).join('\n');
  reply.body(200, 'text/html; charset=utf-8', `<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n/debug/pprof/\n<br>\nTypes of profiles available:\n<table>\n${rows}\n</table>\n</body>\n</html>\n`);
}

function commandLine({ reply }: Exchange): void {
  reply.body(200, 'text/plain; charset=utf-8', process.argv.join('\0'));
}

/** Those of Go's run-time alone. */
function unknownProfile({ reply }: Exchange): void {
  reply.body(404, 'text/plain; charset=utf-8', 'Unknown profile\n');
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
