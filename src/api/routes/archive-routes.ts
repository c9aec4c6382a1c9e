/** `/containers/{id}/changes`, `/archive` and `/export`: the files of containers. Engine API 1.51. */
import { fail } from '#base/errors/failure.ts';
import type { ContainerPathStat } from '#schema/archive-views.ts';
import { encodeJson } from '../body/encode-json.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

export function archiveRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/containers/{name}/changes', handler: changes },
    { method: 'HEAD', path: '/containers/{name}/archive', handler: stat },
    { method: 'GET', path: '/containers/{name}/archive', handler: copyOut },
    { method: 'PUT', path: '/containers/{name}/archive', handler: copyIn },
    { method: 'GET', path: '/containers/{name}/export', handler: exportAll },
  ];
}

async function changes({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  const found = await engine.archives.changes(name);
  reply.json(200, found.length === 0 ? null : found);
}

async function stat({ reply, signal }: Exchange, call: Call): Promise<void> {
  const found = await call.engine.archives.stat(call.name, pathOf(call), signal);
  reply.head(200, statHeader(found));
}

async function copyOut({ reply, signal }: Exchange, call: Call): Promise<void> {
  const copied = await call.engine.archives.copyOut(call.name, pathOf(call), signal);
  reply.begin(200, 'application/x-tar', statHeader(copied.stat));
  for await (const chunk of copied.archive) await reply.write(chunk, signal);
  reply.end();
}

async function copyIn({ request, reply, signal }: Exchange, call: Call): Promise<void> {
  const { query } = call;
  await call.engine.archives.copyIn(call.name, pathOf(call), request, {
    noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'),
    copyUidGid: query.flag('copyUIDGID'),
    signal,
  });
  reply.empty(200);
}

async function exportAll({ reply, signal }: Exchange, { engine, name }: Call): Promise<void> {
  const archive = await engine.archives.export(name, signal);
  reply.begin(200, 'application/octet-stream');
  for await (const chunk of archive) await reply.write(chunk, signal);
  reply.end();
}

function pathOf({ query }: Call): string {
  const path = query.text('path');
  if (path === '') throw fail('archive.path_missing');
  return path;
}

function statHeader(found: ContainerPathStat): readonly string[] {
  return ['X-Docker-Container-Path-Stat', Buffer.from(encodeJson(found, 'html').trimEnd()).toString('base64')];
}
