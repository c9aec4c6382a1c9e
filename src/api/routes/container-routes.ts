/** `/containers`: Engine API 1.51, with what older versions saw differently. */
import { parsePlatform } from '#oci/platform.ts';
import { fail } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { ContainerInspect } from '#schema/container-config.ts';
import { decodeCreateRequest } from '../body/create-request.ts';
import { decodeUpdateRequest } from '../body/update-request.ts';
import { encodeJson } from '../body/encode-json.ts';
import { multiplexedStream, rawStream } from '../stream-types.ts';
import type { Requester } from '#engine/containers/ending.ts';
import type { Call, Exchange, Hijack } from '../exchange.ts';
import type { Route } from '../route-table.ts';
import { adjustCreateRequest } from './create-adjustments.ts';

export function containerRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/containers/json', handler: list },
    { method: 'GET', path: '/containers/{name}/json', handler: inspect },
    { method: 'GET', path: '/containers/{name}/top', handler: top },
    { method: 'GET', path: '/containers/{name}/explain', handler: explain },
    { method: 'GET', path: '/containers/{name}/reach', handler: reach },
    { method: 'GET', path: '/containers/{name}/stats', handler: stats, lasting: 'watch' },
    { method: 'GET', path: '/containers/{name}/logs', handler: logs, lasting: 'stream' },
    { method: 'POST', path: '/containers/create', handler: create },
    { method: 'POST', path: '/containers/{name}/kill', handler: kill },
    { method: 'POST', path: '/containers/{name}/restart', handler: restart },
    { method: 'POST', path: '/containers/{name}/start', handler: start },
    { method: 'POST', path: '/containers/{name}/stop', handler: stop },
    { method: 'POST', path: '/containers/{name}/wait', handler: wait, lasting: 'stream' },
    { method: 'POST', path: '/containers/{name}/update', handler: update },
    { method: 'POST', path: '/containers/{name}/pause', handler: pause },
    { method: 'POST', path: '/containers/{name}/unpause', handler: unpause },
    { method: 'POST', path: '/containers/{name}/resize', handler: resize },
    { method: 'POST', path: '/containers/{name}/attach', hijack: attach },
    { method: 'GET', path: '/containers/{name}/attach/ws', hijack: attachWebSocket },
    { method: 'POST', path: '/containers/{name}/rename', handler: rename },
    { method: 'POST', path: '/containers/prune', handler: prune },
    { method: 'DELETE', path: '/containers/{name}', handler: remove },
  ];
}

async function list({ reply }: Exchange, { engine, query, version }: Call): Promise<void> {
  const filters = query.filters();
  const limit = query.integer('limit') ?? 0;
  const containers = await engine.containers.list({ all: query.flag('all'), size: query.flag('size'), limit, filters });
  if (version.atLeast(46)) return reply.json(200, containers);
  reply.json(200, containers.map((container) => ({ ...container, HostConfig: { NetworkMode: container.HostConfig.NetworkMode } })));
}

async function inspect({ reply }: Exchange, { engine, name, query, version }: Call): Promise<void> {
  const container = await engine.containers.inspect(name, { size: query.flag('size') });
  reply.json(200, version.atLeast(45) ? container : withIdAliases(container));
}

/** Before 1.45 a container's short id and host name showed among its aliases on user-defined networks. */
function withIdAliases(container: ContainerInspect): ContainerInspect {
  const own = [container.Id.slice(0, 12), container.Config.Hostname];
  const networks = Object.entries(container.NetworkSettings.Networks).map(([name, endpoint]) => {
    const userDefined = !['bridge', 'host', 'none', 'default'].includes(name);
    return [name, userDefined ? { ...endpoint, Aliases: [...new Set([...(endpoint.Aliases ?? []), ...own])] } : endpoint] as const;
  });
  return { ...container, NetworkSettings: { ...container.NetworkSettings, Networks: Object.fromEntries(networks) } };
}

async function top({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  const { Titles, Processes } = await engine.containers.top(name, query.text('ps_args'));
  reply.json(200, { Processes, Titles });
}

/** An endpoint of our own. */
async function reach({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  reply.json(200, await engine.containers.reach(name));
}

async function explain({ reply, signal }: Exchange, { engine, name }: Call): Promise<void> {
  reply.json(200, await engine.containers.explain(name, signal));
}

async function stats({ reply, signal }: Exchange, { engine, name, query, version }: Call): Promise<void> {
  const stream = query.flag('stream', true);
  const oneShot = version.atLeast(41) && query.flag('one-shot');
  if (stream && oneShot) throw fail('api.invalid_parameter', { message: 'cannot have stream=true and one-shot=true' });
  const samples = engine.containers.stats(name, { stream, oneShot }, signal);
  reply.begin(200, stream ? undefined : 'application/json');
  for await (const sample of samples) await reply.write(encodeJson(sample, 'html'), signal);
  reply.end();
}

async function logs({ reply, signal }: Exchange, { engine, name, query, version }: Call): Promise<void> {
  const request = {
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
    follow: query.flag('follow'),
    since: query.text('since'),
    until: query.text('until'),
    tail: query.text('tail'),
    timestamps: query.flag('timestamps'),
    details: query.flag('details'),
  };
  if (!request.stdout && !request.stderr) throw fail('api.invalid_parameter', { message: 'Bad parameters: you must choose at least one stream' });
  const { terminal, chunks } = await engine.containers.logs(name, request, signal);
  reply.begin(200, !terminal && version.atLeast(42) ? multiplexedStream : rawStream);
  for await (const chunk of chunks) await reply.write(chunk, signal);
  reply.end();
}

async function create(exchange: Exchange, { engine, query, version }: Call): Promise<void> {
  const name = query.text('name');
  const request = decodeCreateRequest(await exchange.json({ optional: false }));
  const platform = version.atLeast(41) ? query.text('platform') : '';
  if (platform !== '') parsePlatform(platform);
  const warnings = adjustCreateRequest(request, version);
  const created = await engine.containers.create(name, request, { platform, signal: exchange.lasting });
  exchange.reply.json(201, { Id: created.Id, Warnings: [...created.Warnings, ...warnings] });
}

async function start({ request, reply, lasting: signal }: Exchange, { engine, name, query }: Call): Promise<void> {
  // A JSON object that says something has more than seven characters.
  if (Number(request.headers['content-length'] ?? 0) > 7 || request.headers['transfer-encoding'] !== undefined) throw fail('api.start_with_body');
  const checkpoint = query.text('checkpoint');
  if (checkpoint !== '' && !engine.system.offers.experimental) throw fail('api.invalid_parameter', { message: 'checkpoint is only supported in experimental mode' });
  if (checkpoint !== '') {
    await engine.containers.inspect(name, { size: false });
    throw fail('container.checkpoint_missing', { checkpoint, name });
  }
  await engine.containers.start(name, { detachKeys: query.text('detachKeys'), signal });
  reply.empty(204);
}

function stopOptions({ lasting: signal, requester }: Exchange, { query, version }: Call): { timeout: number | undefined; signalName: string; requester: Requester | undefined; signal: AbortSignal } {
  return { timeout: query.integer('t'), signalName: version.atLeast(42) ? query.text('signal') : '', requester, signal };
}

async function stop(exchange: Exchange, call: Call): Promise<void> {
  await call.engine.containers.stop(call.name, stopOptions(exchange, call));
  exchange.reply.empty(204);
}

async function restart(exchange: Exchange, call: Call): Promise<void> {
  await call.engine.containers.restart(call.name, stopOptions(exchange, call));
  exchange.reply.empty(204);
}

async function kill({ reply, requester }: Exchange, { engine, name, query }: Call): Promise<void> {
  await engine.containers.kill(name, query.text('signal'), requester);
  reply.empty(204);
}

async function update(exchange: Exchange, { engine, name, version }: Call): Promise<void> {
  const request = decodeUpdateRequest(await exchange.json({ optional: true }));
  // Limits on processes could not be changed before.
  exchange.reply.json(200, await engine.containers.update(name, version.atLeast(40) ? request : { ...request, PidsLimit: null }));
}

async function pause({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  await engine.containers.pause(name);
  reply.empty(204);
}

async function unpause({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  await engine.containers.unpause(name);
  reply.empty(204);
}

async function rename({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  await engine.containers.rename(name, query.text('name'));
  reply.empty(204);
}

async function remove({ reply, requester, lasting: signal }: Exchange, { engine, name, query }: Call): Promise<void> {
  await engine.containers.remove(name, { force: query.flag('force'), volumes: query.flag('v'), link: query.flag('link'), requester, signal });
  reply.empty(204);
}

const waitConditions: ReadonlySet<string> = new Set(['', 'not-running', 'next-exit', 'removed']);

async function wait({ reply, signal }: Exchange, { engine, name, query, version }: Call): Promise<void> {
  // Until 1.30 there were no conditions, and nothing was sent before the exit.
  const early = version.atLeast(30);
  const condition = early ? query.text('condition') : '';
  if (!waitConditions.has(condition)) throw fail('api.invalid_parameter', { message: `invalid condition: ${quoteText(condition)}` });
  const { result } = await engine.containers.wait(name, condition === '' ? 'not-running' : condition, signal);
  if (early) reply.begin(200, 'application/json');
  const outcome = await result;
  // Until 1.34 a failed removal showed as an empty answer.
  const silent = condition === 'removed' && !version.atLeast(34) && outcome.Error !== undefined;
  const body = silent ? '' : encodeJson(outcome, 'html');
  if (!early) return reply.body(200, 'application/json', body);
  if (body !== '') await reply.write(body, signal);
  reply.end();
}

async function resize({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  const rows = query.size('h', 'resize height');
  const columns = query.size('w', 'resize width');
  await engine.containers.resize(name, { rows, columns });
  reply.empty(200);
}

async function attach(hijack: Hijack, { engine, name, query, version }: Call): Promise<void> {
  const request = {
    stdin: query.flag('stdin'),
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
    logs: query.flag('logs'),
    stream: query.flag('stream'),
    detachKeys: query.text('detachKeys'),
  };
  let attached;
  try {
    attached = await engine.containers.attach(name, request);
  } catch (error) {
    return hijack.refuse(error);
  }
  const client = hijack.take(!attached.terminal && version.atLeast(42) ? multiplexedStream : rawStream, { standardHeaders: false });
  await attached.join(client, hijack.signal);
}

async function attachWebSocket(hijack: Hijack, { engine, name, query, version }: Call): Promise<void> {
  // Until 1.42 it was always all three.
  const chosen = (stream: string): boolean => !version.atLeast(42) || query.flag(stream);
  const request = { stdin: chosen('stdin'), stdout: chosen('stdout'), stderr: chosen('stderr'), logs: query.flag('logs'), stream: query.flag('stream'), detachKeys: query.text('detachKeys') };
  const attached = await engine.containers.attach(name, request);
  const client = hijack.webSocket({ binary: version.atLeast(28), framed: !attached.terminal });
  if (client !== undefined) await attached.join(client, hijack.signal);
}

async function prune({ reply, signal }: Exchange, { engine, query }: Call): Promise<void> {
  reply.json(200, await engine.containers.prune(query.filters(), signal));
}
