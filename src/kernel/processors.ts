/** Processors of this machine and the paths of them that containers must not see. */
import { existsSync, readFileSync } from 'node:fs';
import { parseNumberList } from '#base/number-list.ts';

/** Docker masks these: they tell of the load of others (GHSA-6fw5-f8r9-fgfm). */
export function thermalThrottlePaths(): string[] {
  const possible = parseNumberList(readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim());
  return [...(typeof possible === 'string' ? [] : possible)]
    .map((number) => `/sys/devices/system/cpu/cpu${number}/thermal_throttle`)
    .filter((path) => existsSync(path));
}
