/** What a `-v` or `--mount` means before any volume exists. */
import type { MountPoint } from '#schema/container-config.ts';
import type { PlannedMount } from './planned-mount.ts';

export type MountWish = Omit<PlannedMount, 'point'> & {
  readonly point: Omit<MountPoint, 'Source' | 'Name'> & { Source: string; Name?: string };
  /** Of a volume: its mode was not given, and is the local driver's. */
  readonly modeIsDefault?: boolean;
  readonly driver?: string;
  readonly volumeOptions?: Readonly<Record<string, string>> | null;
  readonly volumeLabels?: Readonly<Record<string, string>> | null;
};

export const propagations: ReadonlySet<string> = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);

/** Go's filepath.Clean for absolute paths. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
