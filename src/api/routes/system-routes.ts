/** `/_ping`, `/version`, `/info`, `/events` and `/system/df`: Engine API 1.51, with what older versions saw differently, and our own `/system/fsck`. */
import { fail } from '#base/errors/failure.ts';
import { formatEvent } from '#schema/event-message.ts';
import { escapeMarkup } from '../body/encode-json.ts';
import type { Call, Exchange } from '../exchange.ts';
import { parseEventTime } from '../requests/go-number.ts';
import type { ApiVersion } from '../requests/api-version.ts';
import type { Route } from '../route-table.ts';

export function systemRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/_ping', handler: ping },
    { method: 'HEAD', path: '/_ping', handler: ping },
    { method: 'GET', path: '/version', handler: version },
    { method: 'GET', path: '/info', handler: info },
    { method: 'GET', path: '/events', handler: events, lasting: 'watch' },
    { method: 'GET', path: '/system/df', handler: diskUsage },
    { method: 'GET', path: '/system/fsck', handler: checkStorage },
  ];
}

const pingHeaders = ['Cache-Control', 'no-cache, no-store, must-revalidate', 'Pragma', 'no-cache', 'Swarm', 'inactive'];

function ping({ request, reply }: Exchange, { engine }: Call): void {
  reply.body(200, 'text/plain; charset=utf-8', request.method === 'HEAD' ? '' : 'OK', ['Builder-Version', engine.system.offers.builderVersion, ...pingHeaders]);
}

async function version({ reply }: Exchange, { engine }: Call): Promise<void> {
  reply.json(200, await engine.system.versionDocument());
}

async function info({ reply }: Exchange, call: Call): Promise<void> {
  reply.json(200, infoFor(call.version, await call.engine.system.info()));
}

/** Fields that came later are left out, and those that went are put back. */
function infoFor(apiVersion: ApiVersion, document: object): object {
  if (apiVersion.atLeast(50)) return document;
  const result: Record<string, unknown> = { ...document, BridgeNfIptables: false, BridgeNfIp6tables: false };
  delete result['DiscoveredDevices'];
  if (!apiVersion.atLeast(49)) {
    delete result['FirewallBackend'];
    for (const name of ['ContainerdCommit', 'RuncCommit', 'InitCommit']) result[name] = withExpected(result[name]);
  }
  if (!apiVersion.atLeast(46)) delete result['Containerd'];
  if (!apiVersion.atLeast(44)) {
    const runtimes = Object.entries(entriesOf(result['Runtimes'])).map(([name, runtime]) => [name, { ...entriesOf(runtime), status: undefined }]);
    result['Runtimes'] = Object.fromEntries(runtimes);
  }
  return result;
}

function withExpected(commit: unknown): object {
  const fields = entriesOf(commit);
  return { ...fields, Expected: fields['ID'] };
}

function entriesOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

async function events({ reply, signal }: Exchange, { engine, query, version: apiVersion }: Call): Promise<void> {
  const since = parseEventTime(query.text('since'));
  const until = parseEventTime(query.text('until'));
  if (until !== undefined && until < (since ?? until)) {
    throw fail('api.invalid_parameter', { message: `\`since\` time (${query.text('since')}) cannot be after \`until\` time (${query.text('until')})` });
  }
  const messages = engine.system.events({ since, until, filters: query.filters(), signal });
  reply.begin(200, 'application/json');
  for await (const message of messages) {
    // Until 1.46 images were not said to be created.
    if (!apiVersion.atLeast(46) && message.Type === 'image' && message.Action === 'create') continue;
    await reply.write(escapeMarkup(`${formatEvent(message)}\n`), signal);
  }
  reply.end();
}

const diskUsageTypes: ReadonlySet<string> = new Set(['container', 'image', 'volume', 'build-cache']);

async function checkStorage({ reply, signal }: Exchange, { engine, query }: Call): Promise<void> {
  reply.json(200, await engine.system.checkStorage({ deep: query.flag('deep'), signal }));
}

async function diskUsage({ reply }: Exchange, { engine, query, version: apiVersion }: Call): Promise<void> {
  const types = apiVersion.atLeast(42) ? query.texts('type') : [];
  for (const type of types) {
    if (!diskUsageTypes.has(type)) throw fail('api.invalid_parameter', { message: `unknown object type: ${type}` });
  }
  reply.json(200, await engine.system.diskUsage(types));
}
