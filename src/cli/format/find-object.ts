/** Where each kind of object is found for `inspect`, and the search through all kinds. */
import { ApiError } from '#client/client-error.ts';
import { pathText } from '#client/query.ts';
import type { Transport } from '#client/transport.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import type { Output } from '#cli/streams/output.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { readDocument, type InspectedObject } from './inspect-objects.ts';

export interface ObjectSource {
  readonly transport: Transport;
  readonly signal: AbortSignal;
}

export async function findContainer({ transport, signal }: ObjectSource, reference: string, size: boolean): Promise<InspectedObject> {
  if (reference.trim() === '') throw new CommandFailure('invalid container name or ID: value is empty');
  const document = await readDocument(transport, `/containers/${pathText(reference)}/json`, { size: size || undefined }, signal);
  return { document, type: (await import('./types/container-inspect-type.ts')).containerInspectType };
}

export async function findImage({ transport, signal }: ObjectSource, reference: string, platform?: string): Promise<InspectedObject> {
  if (reference === '') throw new CommandFailure('Error: No such image: ');
  const document = await readDocument(transport, `/images/${pathText(reference)}/json`, { platform }, signal);
  return { document, type: (await import('./types/image-inspect-type.ts')).imageInspectType };
}

export async function findNetwork(
  { transport, signal }: ObjectSource, reference: string, options: { scope?: string; verbose?: boolean } = {},
): Promise<InspectedObject> {
  if (reference.trim() === '') throw new CommandFailure('invalid network name or ID: value is empty');
  const query = { scope: options.scope, verbose: options.verbose === true ? 'true' : undefined };
  const document = await readDocument(transport, `/networks/${pathText(reference)}`, query, signal);
  return { document, type: (await import('./types/network-inspect-type.ts')).networkInspectType };
}

export async function findVolume({ transport, signal }: ObjectSource, reference: string): Promise<InspectedObject> {
  if (reference.trim() === '') throw new CommandFailure('invalid volume name or ID: value is empty');
  const document = await readDocument(transport, `/volumes/${pathText(reference)}`, {}, signal);
  return { document, type: (await import('./types/volume-type.ts')).volumeType };
}

/** Kinds whose objects templates see as documents alone. */
const plainPaths: Readonly<Record<string, (reference: string) => string>> = {
  service: (reference) => `/services/${pathText(reference)}?insertDefaults=true`,
  task: (reference) => `/tasks/${pathText(reference)}`,
  node: (reference) => `/nodes/${pathText(reference)}`,
  plugin: (reference) => `/plugins/${pathText(reference)}/json`,
  secret: (reference) => `/secrets/${pathText(reference)}`,
  config: (reference) => `/configs/${pathText(reference)}`,
};

/** In the order they are tried. */
const kinds = ['container', 'image', 'network', 'volume', 'service', 'task', 'node', 'plugin', 'secret', 'config'] as const;
type Kind = (typeof kinds)[number];
const swarmKinds: readonly Kind[] = ['service', 'task', 'node', 'secret', 'config'];

/** As errors list them. */
const kindNames = '"config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"';

/** The kind the user asked for; undefined: any. @throws CommandFailure */
export function chosenKind(type: string, given: boolean): Kind | undefined {
  if (type === '') {
    if (given) throw new CommandFailure(`type is empty: must be one of ${kindNames}`);
    return undefined;
  }
  const kind = kinds.find((known) => known === type);
  if (kind === undefined) throw new CommandFailure(`unknown type: ${quoteText(type)}: must be one of ${kindNames}`);
  return kind;
}

function findOfKind(source: ObjectSource, kind: Kind, reference: string, size: boolean): Promise<InspectedObject> {
  switch (kind) {
    case 'container': return findContainer(source, reference, size);
    case 'image': return findImage(source, reference);
    case 'network': return findNetwork(source, reference);
    case 'volume': return findVolume(source, reference);
    default: return findPlain(source, plainPaths[kind]?.(reference) ?? '');
  }
}

async function findPlain({ transport, signal }: ObjectSource, path: string): Promise<InspectedObject> {
  return { document: await readDocument(transport, path, {}, signal), type: undefined };
}

/** Whether the next kind is to be tried after an error. */
function isSkippable(error: unknown): boolean {
  if (error instanceof ApiError && error.status === 404) return true;
  const message = error instanceof Error ? error.message : '';
  return message.startsWith('Error: No such image') || message.includes('not supported') || message.includes('invalid reference format');
}

async function isSwarmManager({ transport, signal }: ObjectSource, stderr: Output): Promise<boolean> {
  try {
    const info = await transport.json<{ Swarm?: { ControlAvailable?: boolean } }>({ method: 'GET', path: '/info', signal });
    return info.Swarm?.ControlAvailable === true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    stderr.writeLine(`Error response from daemon: ${error.message}`);
    return false;
  }
}

/** The object of this name, of one kind or the first that has one. @throws CommandFailure, ApiError */
export async function findObject(
  source: ObjectSource, reference: string, { kind, size, stderr }: { kind: Kind | undefined; size: boolean; stderr: Output },
): Promise<InspectedObject> {
  let managesSwarm: boolean | undefined;
  for (const tried of kind === undefined ? kinds : [kind]) {
    if (kind === undefined && swarmKinds.includes(tried)) {
      managesSwarm ??= await isSwarmManager(source, stderr);
      if (!managesSwarm) continue;
    }
    try {
      const found = await findOfKind(source, tried, reference, size);
      if (size && tried !== 'container') stderr.writeLine(`WARNING: --size ignored for ${tried}`);
      return found;
    } catch (error) {
      if (kind !== undefined || !isSkippable(error)) throw error;
    }
  }
  throw new CommandFailure(`Error: No such object: ${reference}`);
}
