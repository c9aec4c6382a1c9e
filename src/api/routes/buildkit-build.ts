/** `POST /build?version=2`: a build by the solver for clients that have no BuildKit of their own (Engine API 1.39). */
import { fail, messageOf } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { uploadedContext, type BuildExporter, type SolveCall } from '#engine/solver/contract.ts';
import type { BuildRequest, Engine } from '#engine/contract.ts';
import { parsePlatform } from '#oci/platform.ts';
import { canonicalText, parseReference, withDefaultTag } from '#oci/reference.ts';
import { StatusResponse } from '#schema/buildkit/control-messages.ts';
import type { HostConfig } from '#schema/container-config.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import type { Readable } from 'node:stream';

export interface BuildkitBuild {
  readonly context: Readable;
  readonly request: BuildRequest;
  /** The client's name of the build; empty: none. */
  readonly buildId: string;
  /** As the client gives it; empty: the usual. */
  readonly networkMode: string;
  /** Session of a client that has one. */
  readonly session: string;
  readonly outputs: readonly { readonly type: string; readonly attributes: Readonly<Record<string, string>> }[];
  /** What the containers of steps are made with. */
  readonly hostConfig: HostConfig;
}

const sessionRemote = 'client-session';

/** @throws what stands in the way before the build begins */
export function buildByBuildkit(engine: Engine, build: BuildkitBuild, signal: AbortSignal): AsyncIterable<ProgressMessage> {
  return messagesOf(engine, callOf(build), build.request.quiet, signal);
}

async function* messagesOf({ solver }: Engine, call: SolveCall, quiet: boolean, signal: AbortSignal): AsyncGenerator<ProgressMessage, void> {
  const solving = solver.solve(call, signal);
  solving.catch(() => undefined);
  // The session of a client ends with this request, and what it told is kept.
  for await (const told of solver.status(call.ref, signal)) if (!quiet) yield { id: 'moby.buildkit.trace', aux: StatusResponse.encode(told).toString('base64') };
  try {
    const response = await solving;
    const imageId = response['containerimage.config.digest'] ?? '';
    if (imageId !== '') yield quiet ? { stream: `${imageId}\n` } : { id: 'moby.image.id', aux: { ID: imageId } };
  } catch (error) {
    signal.throwIfAborted();
    yield { errorDetail: { message: messageOf(error) }, error: messageOf(error) };
  }
}

function callOf({ context, request, buildId, session, networkMode, outputs, hostConfig }: BuildkitBuild): SolveCall {
  const { remote, dockerfile, target, labels, buildArguments, noCache, pull } = request;
  const fromSession = remote === sessionRemote;
  if (remote !== '') context.resume();
  const attributes = new Map<string, string>(fromSession ? [] : [['context', remote === '' ? `${uploadedContext}${newIdentifier()}` : remote]]);
  const set = (name: string, value: string): void => void (value !== '' && attributes.set(name, value));
  set('filename', dockerfile);
  set('target', target);
  if (request.platform !== '') {
    parsePlatform(request.platform);
    set('platform', request.platform);
  }
  if (pull) set('image-resolve-mode', 'pull');
  if (noCache) attributes.set('no-cache', '');
  for (const [name, value] of buildArguments) if (value !== null) attributes.set(`build-arg:${name}`, value);
  for (const [name, value] of labels) attributes.set(`label:${name}`, value);
  const network = networkOf(networkMode);
  set('force-network-mode', network);
  if (network === 'host') set('entitlements', 'network.host');
  set('add-hosts', (request.hostConfig.ExtraHosts ?? []).map(hostEntry).join(','));
  if (request.hostConfig.ShmSize > 0) set('shm-size', String(request.hostConfig.ShmSize));
  set('ulimit', (request.hostConfig.Ulimits ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`).join(','));
  set('cgroup-parent', request.hostConfig.CgroupParent);
  if (request.cacheFrom.length > 0) set('cache-from', request.cacheFrom.join(','));
  return {
    ref: buildId === '' ? newIdentifier().slice(0, 25) : buildId,
    session, frontend: 'dockerfile.v0', attributes: Object.fromEntries(attributes), exporters: exportersOf(request.tags, outputs), cacheExports: [],
    entitlements: network === 'host' ? ['network.host'] : [], internal: false, hostConfig, upload: remote === '' ? (context as AsyncIterable<Uint8Array>) : undefined,
  };
}

function networkOf(mode: string): string {
  if (mode === '' || mode === 'default') return '';
  if (mode === 'host' || mode === 'none') return mode;
  throw fail('build.step_failed', { message: `network mode ${JSON.stringify(mode)} not supported by buildkit` });
}

function hostEntry(text: string): string {
  const [, name = '', address = ''] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  if (name === '') throw fail('build.step_failed', { message: `invalid host ${text}` });
  return `${name}=${address}`;
}

function exportersOf(tags: readonly string[], outputs: BuildkitBuild['outputs']): BuildExporter[] {
  const name = tags.filter((tag) => tag !== '').map((tag) => canonicalText(withDefaultTag(parseReference(tag)))).join(',');
  if (outputs.length > 1) throw fail('build.step_failed', { message: 'multiple outputs not supported' });
  const [output] = outputs;
  if (output !== undefined && output.type !== 'moby') return [{ type: output.type, attributes: output.attributes }];
  return [{ type: 'moby', attributes: name === '' ? {} : { name } }];
}
