/** Gives containers on user-defined networks their resolver. */
import type { ControllerParts } from '../controller-parts.ts';
import type { Sandbox } from '../contract.ts';
import { isPredefined } from '../network-record.ts';
import { openResolverSockets } from './resolver-sockets.ts';

/** Opens the container's resolver unless it has one, or needs none. The caller is inside the namespace. */
export function serveNames({ names }: Pick<ControllerParts, 'names'>, containerId: string, sandbox: Sandbox): void {
  if (!needsResolver(sandbox) || names.serves(containerId)) return;
  names.serve(containerId, openResolverSockets(containerId), sandbox.nameServers ?? []);
}

/** Docker serves names on every network but the predefined ones. */
export function needsResolver(sandbox: Sandbox): boolean {
  return Object.keys(sandbox.endpoints).some((name) => !isPredefined(name));
}
