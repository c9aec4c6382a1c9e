/** Creates a container for `run` and `create`, pulling its image when it is not here. */
import { ApiError } from '#client/client-error.ts';
import type { Invocation } from '#cli/command.ts';
import { completeReference, isImageIdentifier, parseImageReference, referenceText, type ImageReference } from '#cli/image-reference.ts';
import type { containerFlags } from './container-flags.ts';
import type { ContainerRequest } from './container-request.ts';
import { openIdentifierFile } from './identifier-file.ts';
import { normalizePlatform } from './platform.ts';
import { pullImage } from './pull-image.ts';

export type ContainerInvocation = Pick<Invocation<typeof containerFlags>, 'client' | 'flags' | 'given' | 'configuration' | 'environment' | 'stdout' | 'stderr' | 'program' | 'signal' | 'endpoint'>;

/** `--pull`, which `run` and `create` explain differently. */
export type PullPolicy = 'always' | 'missing' | 'never';

/** @throws Error with Docker's text */
export function checkPullPolicy(text: string): PullPolicy {
  if (text === 'always' || text === 'never' || text === 'missing') return text;
  if (text === '') return 'never';
  throw new Error(`invalid pull option: '${text}': must be one of "always", "missing" or "never"`);
}

/** The new container's id. Warnings go to stderr. */
export async function createContainer(invocation: ContainerInvocation, request: ContainerRequest, pull: PullPolicy): Promise<string> {
  const { client, flags, configuration, stdout, stderr, signal } = invocation;
  using identifierFile = openIdentifierFile(request.HostConfig.ContainerIDFile);
  const image = readReference(request.Image);
  const platform = normalizePlatform(invocation.given('platform') ? flags.platform : (invocation.environment['DOCKER_DEFAULT_PLATFORM'] ?? ''));
  if (flags['use-api-socket']) bindApiSocket(request, invocation.endpoint);
  const pullIt = (reference: ImageReference): Promise<void> =>
    pullImage({ client, reference, platform, configuration, environment: invocation.environment, progress: flags.quiet ? undefined : stderr, stderr, mayBootstrap: invocation.program === 'dhow', signal });
  if (pull === 'always' && image !== undefined) await pullIt(image);
  const { rows, columns } = stdout.size;
  request.HostConfig.ConsoleSize = [rows, columns];
  const create = (): Promise<{ Id: string; Warnings: string[] | null }> => client.containers.create(request, { name: flags.name, platform, signal });
  let created: { Id: string; Warnings: string[] | null };
  try {
    created = await create();
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404) || image === undefined || pull !== 'missing') throw error;
    if (!flags.quiet) stderr.writeLine(`Unable to find image '${referenceText(image)}' locally`);
    await pullIt(image);
    created = await create();
  }
  const warnings = [...(created.Warnings ?? []), ...loopbackWarnings(flags.dns)];
  for (const warning of warnings) stderr.writeLine(`WARNING: ${warning}`);
  identifierFile.write(created.Id);
  return created.Id;
}

/** Undefined for an id, which no registry knows. */
function readReference(text: string): ImageReference | undefined {
  return isImageIdentifier(text) ? undefined : completeReference(parseImageReference(text));
}

function bindApiSocket(request: ContainerRequest, endpoint: string): void {
  if (!endpoint.startsWith('unix://')) throw new Error(`flag --use-api-socket can only be used with unix sockets: docker endpoint ${endpoint} incompatible`);
  const mounts = request.HostConfig.Mounts ?? [];
  request.HostConfig.Mounts = [...mounts, { Type: 'bind', Source: endpoint.slice('unix://'.length), Target: '/var/run/docker.sock', BindOptions: {} }];
}

function loopbackWarnings(servers: readonly string[]): string[] {
  const loopback = servers.find((server) => /^127\.|^::1$/.test(server));
  return loopback === undefined ? [] : [`Localhost DNS (${loopback}) may fail in containers.`];
}
