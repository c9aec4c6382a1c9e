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

/** Flags of /proc/cpuinfo that a level of x86-64 has beyond the one before (x86-64 psABI). */
const levels: readonly (readonly [string, readonly string[]])[] = [
  ['v2', ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3']],
  ['v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave']],
  ['v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
];

/** Level of this machine's x86-64 processors, `v1` to `v4`; undefined on other architectures. */
export function processorLevel(): string | undefined {
  return process.arch === 'x64' ? levelOf(readFileSync('/proc/cpuinfo', 'utf8')) : undefined;
}

/** The level that the first processor of a /proc/cpuinfo has. */
export function levelOf(information: string): string {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(information)?.[1]?.split(' '));
  let reached = 'v1';
  for (const [level, needed] of levels) {
    if (needed.some((flag) => !flags.has(flag))) break;
    reached = level;
  }
  return reached;
}
