/**
 * Volumes whose content is a file system of somebody else's: the local driver's options `type`, `device` and
 * `o`, as mount(8) has them, checked when the volume is made and mounted while it is in use.
 */
import { lookup } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';
import { fail, EngineError } from '#base/errors/failure.ts';
import { readSize } from '#base/read-size.ts';
import { mount, mountFlags } from '#kernel/mounts.ts';
import { describeNetworkError } from '#registry/go-network-error.ts';
import type { Volume } from './contract.ts';
import { parseMountOptions } from './mount-options.ts';

const propagations = mountFlags.private | mountFlags.slave | mountFlags.shared;
const knownOptions = new Set(['type', 'device', 'o', 'size']);
/** An option and those that must be given with it. */
const companions: readonly (readonly [string, readonly string[]])[] = [
  ['device', ['type']],
  ['type', ['device']],
  ['o', ['device', 'type']],
];

/** @throws volume.option_* with Docker's texts */
export function checkDeviceOptions(name: string, options: Readonly<Record<string, string>> | null, { quotas }: { readonly quotas: boolean }): void {
  if (options === null) return;
  for (const option of Object.keys(options)) if (!knownOptions.has(option)) throw fail('volume.option_invalid', { name, option });
  if (options['type'] === 'cifs' && /^\/\/[^/]*:\d+(\/|$)/.test(options['device'] ?? '')) throw fail('volume.cifs_port', { name });
  const { size } = options;
  if (size !== undefined) {
    const read = readSize(size, 1024);
    if ('problem' in read) throw fail('volume.size_invalid', { name, problem: read.problem });
    if (read.bytes > 0 && !quotas) throw fail('volume.quota_unsupported', { name });
  }
  for (const [option, needed] of companions) {
    if (options[option] === undefined) continue;
    for (const other of needed) if (options[other] === undefined) throw fail('volume.option_missing', { name, option: other });
  }
}

/** Bytes that its content may take; undefined: as many as there are. */
export function sizeLimitOf(options: Readonly<Record<string, string>> | null): number | undefined {
  const size = options?.['size'];
  const read = size === undefined ? undefined : readSize(size, 1024);
  return read === undefined || 'problem' in read || read.bytes <= 0 ? undefined : read.bytes;
}

/** Whether its content is somewhere else and is mounted for use. */
export function mustBeMounted({ options }: Volume): boolean {
  return (options?.['device'] ?? '') !== '' || (options?.['type'] ?? '') !== '';
}

/** @throws volume.mount_failed and others with Docker's texts */
export async function mountDevice(volume: Volume): Promise<void> {
  const { mountpoint } = volume;
  const refused = (reason: string, cause?: unknown): Error => fail('volume.not_mountable', { mountpoint, reason }, cause);
  if ((volume.options?.['device'] ?? '') === '') throw refused('missing device in volume options');
  const { type, device, o } = await withAddress(volume, refused);
  const { flags, data, shown } = parseMountOptions(o);
  try {
    mount({ source: device, target: mountpoint, type, flags: flags & ~propagations, data });
    // The kernel takes no propagation together with anything else.
    if ((flags & propagations) !== 0) mount({ source: '', target: mountpoint, flags: flags & (propagations | mountFlags.recursive) });
    // The kernel takes the read-only flag of a bind only when changing it afterwards.
    if ((flags & mountFlags.bind) !== 0 && (flags & mountFlags.readOnly) !== 0) {
      mount({ source: '', target: mountpoint, flags: mountFlags.bind | mountFlags.remount | mountFlags.readOnly });
    }
  } catch (error) {
    const reason = error instanceof EngineError ? String(error.details['reason']) : String(error);
    const attempt = `mount ${device}:${mountpoint}${shown.replace(/(password=)[^,]*/g, '$1********')}`;
    throw fail('volume.mount_failed', { mountpoint, attempt, reason }, error);
  }
}

/** The kernel knows no names: where a file server is given by one, its address is looked up. */
async function withAddress(volume: Volume, refused: (reason: string, cause?: unknown) => Error): Promise<{ type: string; device: string; o: string }> {
  const { type = '', device = '', o = '' } = volume.options ?? {};
  if (type !== 'nfs' && type !== 'cifs') return { type, device, o };
  const addressOf = async (host: string): Promise<string> => {
    try {
      return (await lookup(host)).address;
    } catch (error) {
      const words = describeNetworkError(error, host).replace(/^dial tcp: /, '');
      throw refused(`error resolving passed in network volume address: ${words}`, error);
    }
  };
  const given = o.split(',').find((option) => option.startsWith('addr='))?.slice('addr='.length) ?? '';
  if (given !== '' && !isIPv4(given)) return { type, device, o: o.replace(`addr=${given}`, `addr=${await addressOf(given)}`) };
  const host = /^\/\/([^/:]+)/.exec(device)?.[1];
  if (type !== 'cifs' || host === undefined || isIP(host) !== 0) return { type, device, o };
  return { type, device: device.replace(host, await addressOf(host)), o };
}
