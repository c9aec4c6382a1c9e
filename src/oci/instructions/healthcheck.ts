/** `HEALTHCHECK`: flags and command. Durations are nanoseconds in an image's configuration. */
import { parseGoDuration } from '#base/go-duration.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import { changeError } from './change-error.ts';
import type { Instruction } from './instruction.ts';
import { readFlags } from './read-flags.ts';

type Healthcheck = NonNullable<ImageRuntimeConfig['Healthcheck']>;

const durations = { interval: 'Interval', timeout: 'Timeout', 'start-period': 'StartPeriod', 'start-interval': 'StartInterval' } as const;
const oneMillisecond = 1_000_000;

/** @throws image.invalid_change */
export function readHealthcheck(instruction: Instruction): Healthcheck {
  const [first, ...command] = instruction.parameters;
  if (first === undefined) throw changeError('HEALTHCHECK requires at least one argument');
  const type = first.toUpperCase();
  if (type === 'NONE') {
    if (command.length > 0) throw changeError('HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  const flags = readFlags(instruction.flags, [...Object.keys(durations), 'retries']);
  if (type !== 'CMD') throw changeError(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  if (command.length === 0) throw changeError('Missing command after HEALTHCHECK CMD');
  const health: Healthcheck = { Test: instruction.json ? ['CMD', ...command] : ['CMD-SHELL', command.join(' ')] };
  for (const [flag, field] of Object.entries(durations)) {
    const nanoseconds = readDuration(flag, flags.get(flag) ?? '');
    if (nanoseconds !== 0) health[field] = nanoseconds;
  }
  const retries = readRetries(flags.get('retries') ?? '');
  if (retries !== 0) health.Retries = retries;
  return health;
}

function readDuration(flag: string, text: string): number {
  if (text === '') return 0;
  const duration = parseGoDuration(text);
  if (duration === undefined) throw changeError(durationFault(text));
  const nanoseconds = Number(duration);
  if (nanoseconds !== 0 && nanoseconds < oneMillisecond) throw changeError(`Interval ${JSON.stringify(flag)} cannot be less than 1ms`);
  return nanoseconds;
}

/** Go's words for what is no duration. */
function durationFault(text: string): string {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) return `time: missing unit in duration ${JSON.stringify(text)}`;
  const unit = /^[+-]?(?:\d+\.?\d*|\.\d+)([^\d.]+)/.exec(text)?.[1];
  return unit === undefined ? `time: invalid duration ${JSON.stringify(text)}` : `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`;
}

function readRetries(text: string): number {
  if (text === '') return 0;
  const wrong = (why: string): Error => changeError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw wrong('invalid syntax');
  const retries = Number(text);
  if (retries >= 2 ** 31 || retries < -(2 ** 31)) throw wrong('value out of range');
  if (retries < 0) throw changeError(`--retries cannot be negative (${retries})`);
  return retries;
}
