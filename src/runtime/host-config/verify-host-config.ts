/** Checks the modes and other settings of a create request that are no limits, in Docker's order and words. */
import { isIP } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import { isSliceName } from '#kernel/cgroups/systemd-scopes.ts';
import { parseSecurityOptions } from '../specification/security-options.ts';
import type { HostConfig } from '#schema/container-config.ts';

export interface HostConfigContext {
  /** Names that `HostConfig.Runtime` may take; the empty name is the default one. */
  readonly runtimes: readonly string[];
  readonly ipv4Forwarding: boolean;
  readonly cgroupNamespaces: boolean;
  /** Containers have users of their own unless they say `--userns host`. */
  readonly remapped: boolean;
  /** Whether the parents of cgroups are slices. */
  readonly systemdCgroups: boolean;
}

/**
 * The warnings for the client. Docker checks limits (`verifyResources`) before this, and capabilities
 * (`normalizeHostConfig`) before both.
 * @throws runtime.setting_invalid with Docker's text
 */
export function verifyHostConfig(config: HostConfig, context: HostConfigContext): string[] {
  const warnings: string[] = [];
  if (!isContainer(config.IpcMode) && !['', 'none', 'private', 'host', 'shareable'].includes(config.IpcMode)) {
    throw refuse(`invalid IPC mode: ${config.IpcMode}`);
  }
  if (!['', 'host'].includes(config.PidMode) && !/^container:.+/.test(config.PidMode)) throw refuse(`invalid PID mode: ${config.PidMode}`);
  if (config.ShmSize < 0) throw refuse('SHM size can not be less than 0');
  if (!['', 'host'].includes(config.UTSMode)) throw refuse(`invalid UTS mode: ${config.UTSMode}`);
  if (config.OomScoreAdj < -1000 || config.OomScoreAdj > 1000) {
    throw refuse(`Invalid value ${config.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  if (!context.ipv4Forwarding && !['host', 'none'].includes(config.NetworkMode)) warnings.push('IPv4 forwarding is disabled. Networking will not work.');
  if (config.NetworkMode === 'host' && Object.keys(config.PortBindings ?? {}).length > 0) {
    warnings.push('Published ports are discarded when using host network mode');
  }
  if (context.remapped && config.UsernsMode !== 'host') refuseWithoutHostUsers(config);
  if (Object.hasOwn(config.Annotations ?? {}, '')) throw refuse('invalid Annotations: the empty string is not permitted as an annotation key');
  for (const host of config.ExtraHosts ?? []) verifyExtraHost(host);
  parseSecurityOptions(config.SecurityOpt ?? []);
  if (context.systemdCgroups && config.CgroupParent !== '' && !isSliceName(config.CgroupParent)) {
    throw refuse('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"');
  }
  if (config.Runtime !== '' && !context.runtimes.includes(config.Runtime)) throw refuse(`unknown or invalid runtime name: ${config.Runtime}`);
  for (const destination of Object.keys(config.Tmpfs ?? {})) verifyTmpfsDestination(destination);
  if (!['', 'private', 'host'].includes(config.CgroupnsMode)) throw refuse(`invalid cgroup namespace mode: ${config.CgroupnsMode}`);
  if (config.CgroupnsMode === 'private' && !context.cgroupNamespaces) {
    warnings.push('Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.');
  }
  return warnings;
}

function refuseWithoutHostUsers(config: HostConfig): void {
  if (config.Privileged) throw refuse('privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode');
  if (config.NetworkMode === 'host') throw refuse("cannot share the host's network namespace when user namespaces are enabled");
  if (config.PidMode === 'host') throw refuse('cannot share the host PID namespace when user namespaces are enabled');
}

export interface ModesContext {
  readonly hostnameGiven: boolean;
  /** Whether `Config.ExposedPorts` has any. */
  readonly portsExposed: boolean;
}

/** What Docker checks while it reads the request, before everything else. @throws runtime.setting_invalid */
export function verifyModes(config: HostConfig, context: ModesContext): void {
  if (config.NetworkMode === 'container' || isContainer(config.NetworkMode)) verifySharedNetwork(config, context);
  if (config.UTSMode === 'host' && context.hostnameGiven) throw refuse('conflicting options: hostname and the UTS mode');
  if (config.NetworkMode === 'host' && isGiven(config.Links)) {
    throw refuse("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
  }
  if (!['', 'default'].includes(config.Isolation.toLowerCase())) {
    throw refuse(`invalid isolation (${config.Isolation}): linux only supports 'default'`);
  }
}

function verifySharedNetwork(config: HostConfig, context: ModesContext): void {
  if (!/^container:.+/.test(config.NetworkMode)) throw refuse('invalid network mode: invalid container format container:<name|id>');
  if (context.hostnameGiven) throw refuse('conflicting options: hostname and the network mode');
  if (isGiven(config.Links)) throw refuse("conflicting options: container type network can't be used with links. This would result in undefined behavior");
  if (isGiven(config.Dns)) throw refuse('conflicting options: dns and the network mode');
  if (isGiven(config.ExtraHosts)) throw refuse('conflicting options: custom host-to-IP mapping and the network mode');
  if (Object.keys(config.PortBindings ?? {}).length > 0 || config.PublishAllPorts) {
    throw refuse('conflicting options: port publishing and the container type network mode');
  }
  if (context.portsExposed) throw refuse('conflicting options: port exposing and the container type network mode');
}

function isGiven(list: readonly unknown[] | null): boolean {
  return list !== null && list.length > 0;
}

function verifyTmpfsDestination(destination: string): void {
  if (!destination.startsWith('/')) throw refuse(`invalid mount path: '${destination}' mount path must be absolute`);
  if (/^\/+(\.?\/+)*\.?$/.test(destination)) throw refuse("invalid specification: destination can't be '/'");
}

/** `name:address`. */
function verifyExtraHost(host: string): void {
  const colon = host.indexOf(':');
  if (colon < 1) throw refuse(`bad format for add-host: ${JSON.stringify(host)}`);
  const address = host.slice(colon + 1);
  if (address !== 'host-gateway' && isIP(address.trim()) === 0) throw refuse(`invalid IP address in add-host: ${JSON.stringify(address)}`);
}

function isContainer(mode: string): boolean {
  return mode.startsWith('container:');
}

function refuse(message: string): Error {
  return fail('runtime.setting_invalid', { message });
}
