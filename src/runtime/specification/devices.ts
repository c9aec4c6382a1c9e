/** Device nodes a container gets and the rules of the device controller that go with them. */
import { fail } from '#base/errors/failure.ts';
import type { HostConfig } from '#schema/container-config.ts';
import type { CgroupDeviceRule } from '#kernel/cgroups/contract.ts';
import type { DeviceNode, DeviceProblem } from '#kernel/devices.ts';

/** Looks devices of the host up. */
export interface DeviceSource {
  devicesAt(pathOnHost: string, pathInContainer: string): readonly DeviceNode[] | DeviceProblem;
  hostDevices(): readonly DeviceNode[];
}

const character = (major: number, minor: number, allow = true): CgroupDeviceRule => ({ allow, type: 'c', major, minor, access: 'rwm' });

/** Nothing but zero, null, urandom, random, tty and console; never fuse. */
const defaultRules: readonly CgroupDeviceRule[] = [
  { allow: false, access: 'rwm' },
  character(1, 5),
  character(1, 3),
  character(1, 9),
  character(1, 8),
  character(5, 0),
  character(5, 1),
  character(10, 229, false),
];

export interface ContainerDevices {
  readonly nodes: readonly DeviceNode[];
  readonly rules: readonly CgroupDeviceRule[];
}

/** @throws runtime.device_unavailable, runtime.device_rule_invalid, runtime.device_driver_missing */
export function containerDevices(
  settings: Pick<HostConfig, 'Privileged' | 'Devices' | 'DeviceCgroupRules' | 'DeviceRequests'>,
  source: DeviceSource,
): ContainerDevices {
  const nodes: DeviceNode[] = settings.Privileged ? [...source.hostDevices()] : [];
  const rules: CgroupDeviceRule[] = [...defaultRules];
  for (const device of settings.Devices ?? []) {
    if (settings.Privileged && device.PathOnHost === device.PathInContainer) continue;
    const found = source.devicesAt(device.PathOnHost, device.PathInContainer);
    if ('reason' in found) throw fail('runtime.device_unavailable', { path: device.PathOnHost, reason: found.reason });
    nodes.push(...found);
    for (const node of found) {
      if (node.type !== 'p') rules.push({ allow: true, type: node.type, major: node.major, minor: node.minor, access: device.CgroupPermissions });
    }
  }
  for (const request of settings.DeviceRequests ?? []) {
    const capabilities = `[${(request.Capabilities ?? []).map((group) => `[${group.join(' ')}]`).join(' ')}]`;
    throw fail('runtime.device_driver_missing', { driver: request.Driver, capabilities });
  }
  if (settings.Privileged) return { nodes, rules: [{ allow: true, access: 'rwm' }] };
  for (const rule of settings.DeviceCgroupRules ?? []) rules.push(parseDeviceRule(rule));
  return { nodes: lastOfEachPath(nodes), rules };
}

/** Reads `c 10:* rw`. @throws runtime.device_rule_invalid */
export function parseDeviceRule(rule: string): CgroupDeviceRule {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(rule);
  if (match === null) throw fail('runtime.device_rule_invalid', { part: '', rule });
  const [, type, major = '', minor = '', access = ''] = match;
  return {
    allow: true,
    type: type === 'a' || type === 'b' ? type : 'c',
    major: ruleNumber('major', major, rule),
    minor: ruleNumber('minor', minor, rule),
    access,
  };
}

const largestNumber = 2n ** 63n - 1n;

function ruleNumber(part: 'major' | 'minor', text: string, rule: string): number {
  if (text === '*') return -1;
  if (BigInt(text) > largestNumber) throw fail('runtime.device_rule_invalid', { part: `${part} value in `, rule });
  return Number(text);
}

/** Two nodes with one path: the runtime would fail to make the second. */
function lastOfEachPath(nodes: readonly DeviceNode[]): DeviceNode[] {
  return [...new Map(nodes.map((node) => [node.path, node])).values()];
}
