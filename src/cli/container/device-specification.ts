/** `--device`: a path of the host with its place and permissions in the container, or a CDI name. */
import { posix } from 'node:path';
import type { DeviceMapping } from '#schema/container-config.ts';

/** Whether it is a name of the Container Device Interface: `vendor.com/class=name`. */
export function isDeviceName(text: string): boolean {
  const match = /^([^/=]+)\/([^=]+)=(.+)$/s.exec(text);
  if (match === null) return false;
  const [, vendor = '', kind = '', name = ''] = match;
  const isName = (part: string): boolean => /^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(part);
  return isName(vendor) && isName(kind) && /^[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?$/.test(name);
}

/** @throws Error with Docker's texts */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(':');
  const [first = '', second, third] = parts;
  if (parts.length > 3 || first === '') throw new Error(`bad format for path: ${text}`);
  if (second === undefined) {
    const path = clean(first);
    requireAbsolute(first);
    return { PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' };
  }
  if (third === undefined) {
    if (!isMode(second)) {
      requireAbsolute(second);
      return { PathOnHost: first, PathInContainer: clean(second), CgroupPermissions: 'rwm' };
    }
    requireAbsolute(first);
    return { PathOnHost: clean(first), PathInContainer: clean(first), CgroupPermissions: second };
  }
  if (!isMode(third)) throw new Error(`bad mode specified: ${third}`);
  requireAbsolute(second);
  return { PathOnHost: first, PathInContainer: second, CgroupPermissions: third };
}

function clean(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1');
}

function requireAbsolute(path: string): void {
  if (!path.startsWith('/')) throw new Error(`${path} is not an absolute path`);
}

function isMode(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}
