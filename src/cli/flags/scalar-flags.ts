/** Flags that hold one value, with the errors and defaults of the pflag library. */
import type { Flag, FlagOptions } from '#cli/flag.ts';
import { formatDuration, parseDuration } from '#cli/go-duration.ts';
import { parseBoolean, parseInteger, parseUnsigned } from '#cli/go-number.ts';

export function booleanFlag(options: FlagOptions & { initial?: boolean }): Flag<boolean> {
  const { initial = false, ...rest } = options;
  return {
    ...rest,
    type: '',
    initial,
    shownDefault: initial ? 'true' : undefined,
    valueWhenBare: 'true',
    add: (_current, text) => parseBoolean(text),
  };
}

export function textFlag(options: FlagOptions & { initial?: string; type?: string }): Flag<string> {
  const { initial = '', type = 'string', ...rest } = options;
  return { ...rest, type, initial, shownDefault: initial === '' ? undefined : initial, add: (_current, text) => text };
}

/** A signed integer of 64 bits (as numbers: those beyond 2^53 lose precision), any Go base prefix. */
export function integerFlag(options: FlagOptions & { initial?: number }): Flag<number> {
  const { initial = 0, ...rest } = options;
  return { ...rest, type: 'int', initial, shownDefault: initial === 0 ? undefined : String(initial), add: (_current, text) => parseInteger(text) };
}

/** An unsigned integer of `bits`; the help names the type as pflag does. */
export function unsignedFlag(options: FlagOptions & { bits: 16 | 64; initial?: number }): Flag<number> {
  const { initial = 0, bits, ...rest } = options;
  return { ...rest, type: bits === 64 ? 'uint' : `uint${bits}`, initial, shownDefault: initial === 0 ? undefined : String(initial), add: (_current, text) => parseUnsigned(text, bits) };
}

/** A duration in nanoseconds. */
export function durationFlag(options: FlagOptions & { initial?: number }): Flag<number> {
  const { initial = 0, ...rest } = options;
  return { ...rest, type: 'duration', initial, shownDefault: initial === 0 ? undefined : formatDuration(initial), add: (_current, text) => parseDuration(text) };
}
