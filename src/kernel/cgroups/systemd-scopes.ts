/**
 * Cgroups that systemd makes for containers: scopes `docker-<id>.scope` in a slice, systemd.scope(5). The
 * OCI runtime asks for them; here is where they are in the hierarchy, how their limits are kept, and their end.
 */
import { existsSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path/posix';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, isFailure } from '#base/errors/failure.ts';
import { runProgram } from '../run-program.ts';
import { callSystemBus } from '../system-bus.ts';
import type { CgroupResources } from './contract.ts';
import { weightOfShares } from './version-two-settings.ts';

/** As Docker's, so that what knows its scopes knows these. */
const prefix = 'docker';
const suffix = '.slice';
const manager = { destination: 'org.freedesktop.systemd1', path: '/org/freedesktop/systemd1', interface: 'org.freedesktop.systemd1.Manager' } as const;
const noSuchUnit = 'org.freedesktop.systemd1.NoSuchUnit';
/** Milliseconds that systemd may take to forget a scope that has ended. */
const endPatience = 5000;
/** Where `systemctl set-property --runtime` notes what is set, systemd.unit(5). */
const notesDirectory = '/run/systemd/system.control';

/** Whether systemd runs this system, sd_booted(3). */
export function systemdRunning(): boolean {
  return existsSync('/run/systemd/system');
}

/** Whether systemd takes it for the name of a slice, systemd.slice(5). */
export function isSliceName(name: string): boolean {
  return name.length > suffix.length && name.endsWith(suffix) && /^(?:-|[^-/]+(?:-[^-/]+)*)$/.test(name.slice(0, -suffix.length));
}

/** The `cgroupsPath` of a specification that a runtime with systemd's cgroups reads. */
export function scopeRequest(slice: string, id: string): string {
  return `${slice}:${prefix}:${id}`;
}

/** The scope's path in the hierarchy: `a-b.slice` lies in `a.slice`, and `-.slice` is the root. */
export function scopePath(slice: string, id: string): string {
  const name = slice.endsWith(suffix) ? slice.slice(0, -suffix.length) : slice;
  const parts = name === '-' ? [] : name.split('-');
  return join('/', ...parts.map((_part, index) => `${parts.slice(0, index + 1).join('-')}${suffix}`), `${prefix}-${id}.scope`);
}

/** Of a `cgroupsPath` as {@link scopeRequest} makes it; undefined for others. */
export function scopePathOf(request: string): string | undefined {
  const [slice, named, id, ...more] = request.split(':');
  return slice === undefined || named !== prefix || id === undefined || more.length > 0 ? undefined : scopePath(slice, id);
}

export function isScope(path: string): boolean {
  return /^docker-[^/]+\.scope$/.test(basename(path));
}

/** Resolves when systemd knows the scope, whose processes have ended, no more: only then can another of its name be made. */
export async function forgetScope(path: string): Promise<void> {
  const unit = basename(path);
  const signal = AbortSignal.timeout(endPatience);
  for (let round = 0; ; round += 1) {
    if (await isGone('GetUnit', [unit], signal)) break;
    if (round === 0) await isGone('StopUnit', [unit, 'replace'], signal);
    else await isGone('ResetFailedUnit', [unit], signal);
    await delay(Math.min(1 + round, 20), undefined, { signal });
  }
  rmSync(join(notesDirectory, `${unit}.d`), { recursive: true, force: true });
}

async function isGone(member: string, parameters: readonly string[], signal: AbortSignal): Promise<boolean> {
  try {
    await callSystemBus({ ...manager, member, arguments: parameters }, { signal });
    return false;
  } catch (error) {
    if (isFailure(error, 'kernel.bus_call_failed') && error.details['name'] === noSuchUnit) return true;
    throw error;
  }
}

/**
 * Has systemd keep limits that were written into the scope's files: it writes its own anew whenever it is reloaded.
 * @throws kernel.cgroup_setting_refused
 */
export async function keepLimits(path: string, resources: CgroupResources): Promise<void> {
  const properties = propertiesOf(resources);
  if (properties.length === 0) return;
  const unit = basename(path);
  const { exitCode, stderr } = await runProgram('systemctl', ['set-property', '--runtime', unit, ...properties]);
  if (exitCode !== 0) throw fail('kernel.cgroup_setting_refused', { file: unit, value: properties.join(' '), reason: stderr.trim() });
}

/** systemd.resource-control(5) */
export function propertiesOf({ memory, cpu, pids, blockIO }: CgroupResources): string[] {
  const properties: string[] = [];
  const set = (name: string, value: string | number): void => void properties.push(`${name}=${value}`);
  if (memory?.swap !== undefined) {
    const unlimited = memory.swap === -1 || memory.limit === undefined || memory.limit === -1;
    set('MemorySwapMax', unlimited ? 'infinity' : memory.swap - (memory.limit ?? 0));
  }
  if (memory?.limit !== undefined) set('MemoryMax', orInfinity(memory.limit));
  if (memory?.reservation !== undefined) set('MemoryLow', orInfinity(memory.reservation));
  if (cpu?.shares !== undefined) set('CPUWeight', weightOfShares(cpu.shares));
  if (cpu?.quota !== undefined || cpu?.period !== undefined) {
    const period = cpu.period ?? 100_000;
    set('CPUQuotaPeriodSec', `${period}us`);
    set('CPUQuota', cpu.quota === undefined || cpu.quota <= 0 ? '' : `${((cpu.quota / period) * 100).toFixed(2)}%`);
  }
  if (cpu?.cpus !== undefined) set('AllowedCPUs', cpu.cpus);
  if (cpu?.mems !== undefined) set('AllowedMemoryNodes', cpu.mems);
  if (pids !== undefined) set('TasksMax', pids.limit > 0 ? pids.limit : 'infinity');
  if (blockIO?.weight !== undefined && blockIO.weight !== 0) set('IOWeight', 1 + Math.floor(((blockIO.weight - 10) * 9999) / 990));
  return properties;
}

function orInfinity(value: number): string | number {
  return value === -1 ? 'infinity' : value;
}
