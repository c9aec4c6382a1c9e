/** `POST /build` (the classic builder) and `POST /commit`: Engine API 1.51. */
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { JsonNumber, type JsonDocument } from '#base/json-document.ts';
import type { BuildRequest } from '#engine/contract.ts';
import type { HostConfig, Ulimit } from '#schema/container-config.ts';
import { hasBody } from '../body/read-body.ts';
import { decodeCommitConfig, decodeCreateRequest } from '../body/create-request.ts';
import { parseJson } from '../body/parse-json.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Query } from '../requests/query.ts';
import type { Route } from '../route-table.ts';
import { parsePlatform } from '#oci/platform.ts';
import { buildByBuildkit } from './buildkit-build.ts';
import { stepHostConfig } from './step-host-config.ts';
import { adjustCreateRequest } from './create-adjustments.ts';
import { sendProgress } from './progress.ts';

export function buildRoutes(): readonly Route[] {
  return [
    { method: 'POST', path: '/build', handler: build },
    { method: 'POST', path: '/build/prune', handler: prune },
    { method: 'POST', path: '/build/cancel', handler: cancel },
    { method: 'GET', path: '/build/cache-mount', handler: exportCacheMount },
    { method: 'POST', path: '/commit', handler: commit },
  ];
}

async function build(exchange: Exchange, call: Call): Promise<void> {
  const { query, version, engine } = call;
  const builder = query.text('version');
  if (!['', '1', '2'].includes(builder)) throw fail('api.invalid_parameter', { message: `invalid version ${quoteText(builder)}` });
  if (query.flag('squash')) throw fail('api.invalid_parameter', { message: 'squash is only supported with experimental mode' });
  const isolation = query.text('isolation');
  if (isolation !== '' && isolation.toLowerCase() !== 'default') throw fail('api.invalid_parameter', { message: `unsupported isolation: ${quoteText(isolation)}` });
  if (query.texts('securityopt').some((text) => text !== '')) throw fail('api.invalid_parameter', { message: 'security options are not supported on linux' });
  const platform = version.atLeast(32) ? query.text('platform') : '';
  if (platform !== '') checkPlatform(platform);
  const outputs = version.atLeast(40) ? outputsOf(query) : [];
  const forceRemove = query.flag('forcerm');
  const request: BuildRequest = {
    remote: query.text('remote'),
    dockerfile: query.text('dockerfile'),
    tags: query.texts('t'),
    buildArguments: stringMap(query, 'buildargs', 'error reading build args'),
    labels: withoutNulls(stringMap(query, 'labels', 'error reading labels')),
    target: query.text('target'),
    noCache: query.flag('nocache'),
    pull: query.flag('pull'),
    quiet: query.flag('q'),
    remove: forceRemove || query.text('rm') === '' || query.flag('rm'),
    forceRemove,
    platform,
    cacheFrom: textList(query, 'cachefrom', 'error reading cache-from'),
    authorizations: [exchange.request.headers['x-registry-config'] ?? ''].flat()[0] ?? '',
    hostConfig: hostConfigOf(call),
  };
  if (builder === '2') {
    const build = { context: exchange.request, request, buildId: query.text('buildid'), session: query.text('session'), networkMode: query.text('networkmode'), outputs, hostConfig: stepHostConfig(version) };
    return await sendProgress(exchange, buildByBuildkit(engine, build, exchange.signal), { errorsInStream: false });
  }
  await sendProgress(exchange, engine.builds.build(exchange.request, request, exchange.signal), { errorsInStream: false });
}

/** An extension of our own. */
async function exportCacheMount({ reply, signal }: Exchange, { engine, query }: Call): Promise<void> {
  const archive = engine.solver.exportCacheMount(query.text('id'), signal);
  reply.begin(200, 'application/x-tar');
  for await (const chunk of archive as AsyncIterable<Buffer>) await reply.write(chunk, signal);
  reply.end();
}

async function cancel({ reply }: Exchange, { engine, query }: Call): Promise<void> {
  const id = query.text('id');
  if (id === '') throw fail('api.invalid_parameter', { message: 'build ID not provided' });
  engine.solver.cancel(id);
  reply.body(200, 'text/plain; charset=utf-8', '');
  await Promise.resolve();
}

function checkPlatform(text: string): void {
  try {
    parsePlatform(text);
  } catch (error) {
    throw fail('api.invalid_parameter', { message: messageOf(error) }, error);
  }
}

function outputsOf(query: Query): { type: string; attributes: Record<string, string> }[] {
  const text = query.text('outputs');
  const document = text === '' ? [] : readJson(text, 'invalid outputs specified');
  if (!Array.isArray(document)) return [];
  return document.flatMap((item: JsonDocument) => {
    if (!(item instanceof Map)) return [];
    const attributes: unknown = item.get('Attrs');
    const type: unknown = item.get('Type');
    const pairs = attributes instanceof Map ? [...attributes].filter((pair): pair is [string, string] => typeof pair[1] === 'string') : [];
    return [{ type: typeof type === 'string' ? type : '', attributes: Object.fromEntries(pairs) }];
  });
}

function textList(query: Query, name: string, context: string): string[] {
  const text = query.text(name);
  const document = text === '' ? [] : readJson(text, context);
  return Array.isArray(document) ? document.filter((item: JsonDocument) => typeof item === 'string') : [];
}

async function prune({ reply }: Exchange, { engine, query }: Call): Promise<void> {
  const sizes = ['keep-storage', 'reserved-space', 'max-used-space', 'min-free-space'].map((name) => bytesOf(query, name));
  const [keepStorage = 0, reserved = 0, maxUsedSpace = 0, minFreeSpace = 0] = sizes;
  const spaces = { reservedSpace: Math.max(keepStorage, reserved), maxUsedSpace, minFreeSpace };
  reply.json(200, await engine.builds.prune({ all: query.flag('all'), filters: query.filters(), spaces }));
}

function bytesOf(query: Query, name: string): number {
  try {
    return query.integer(name) ?? 0;
  } catch (error) {
    throw fail('api.invalid_parameter', { message: `${name} is in bytes and expects an integer, got ${query.text(name)}: ${messageOf(error)}` }, error);
  }
}

async function commit(exchange: Exchange, { engine, query }: Call): Promise<void> {
  const { request, reply, lasting: signal } = exchange;
  const container = query.text('container');
  if (container === '') throw fail('api.invalid_parameter', { message: 'invalid name or ID supplied: ""' });
  const config = hasBody(request.headers) ? decodeCommitConfig(await exchange.json({ optional: true })) : undefined;
  const made = await engine.builds.commit(
    container,
    {
      repository: query.text('repo'),
      tag: query.text('tag'),
      author: query.text('author'),
      comment: query.text('comment'),
      changes: query.texts('changes').flatMap((change) => change.split('\n')),
      pause: query.flag('pause', true),
      config,
    },
    signal,
  );
  reply.json(201, made);
}

/** The limits and the like that every container of the build gets. Docker takes one that is no number for none. */
function hostConfigOf({ query, version }: Call): HostConfig {
  const integer = (name: string): number => (/^[+-]?\d+$/.test(query.text(name)) ? query.integer(name) ?? 0 : 0);
  const request = decodeCreateRequest(parseJson(JSON.stringify({ Image: 'build', HostConfig: { LogConfig: { Type: 'none' }, NetworkMode: query.text('networkmode') } })));
  Object.assign(request.HostConfig, {
    CgroupParent: query.text('cgroupparent'),
    CpuShares: integer('cpushares'),
    CpuPeriod: integer('cpuperiod'),
    CpuQuota: integer('cpuquota'),
    CpusetCpus: query.text('cpusetcpus'),
    CpusetMems: query.text('cpusetmems'),
    Memory: integer('memory'),
    MemorySwap: integer('memswap'),
    ShmSize: query.integer('shmsize') ?? 0,
    ExtraHosts: query.texts('extrahosts').length === 0 ? null : [...query.texts('extrahosts')],
    Ulimits: ulimits(query),
  });
  adjustCreateRequest(request, version);
  return request.HostConfig;
}

function ulimits(query: Query): Ulimit[] | null {
  const text = query.text('ulimits');
  if (text === '') return null;
  const list = readJson(text, 'error reading ulimit settings');
  if (!Array.isArray(list)) throw fail('api.invalid_parameter', { message: 'error reading ulimit settings: an array is expected' });
  return list.map((item: JsonDocument) => {
    if (!(item instanceof Map)) throw fail('api.invalid_parameter', { message: 'error reading ulimit settings: an object is expected' });
    const number = (name: string): number => {
      const value: unknown = item.get(name);
      return value instanceof JsonNumber ? Number(value.text) : 0;
    };
    const name: unknown = item.get('Name');
    return { Name: typeof name === 'string' ? name : '', Soft: number('Soft'), Hard: number('Hard') };
  });
}

function stringMap(query: Query, name: string, context: string): Map<string, string | null> {
  const text = query.text(name);
  if (text === '') return new Map();
  const document = readJson(text, context);
  if (document === null) return new Map();
  if (!(document instanceof Map)) throw fail('api.invalid_parameter', { message: `${context}: an object is expected` });
  return new Map(
    [...document].map(([key, value]: [string, JsonDocument]) => {
      if (value !== null && typeof value !== 'string') throw fail('api.invalid_parameter', { message: `${context}: ${key} is not a string` });
      return [key, value];
    }),
  );
}

function withoutNulls(map: ReadonlyMap<string, string | null>): Map<string, string> {
  return new Map([...map].map(([name, value]) => [name, value ?? '']));
}

function readJson(text: string, context: string): JsonDocument {
  try {
    return parseJson(text);
  } catch (error) {
    if (!isFailure(error, 'api.invalid_json')) throw error;
    throw fail('api.invalid_parameter', { message: `${context}: ${String(error.details['reason'])}` }, error);
  }
}
