/** Go's `time.Time`, `time.Duration` and `time.Month` as templates use them: their methods and how they print. */
import { parseTimestamp } from '../timestamp.ts';
import { boolType, int64Type, intType, named, stringType, structOf, type GoMethod, type GoType, type StructType } from './go-type.ts';
import { goBool, goInt, goString, integerOf, objectOf, opaqueValue, textOf, type GoValue } from './go-value.ts';
import { quoteText } from './go-quote.ts';

/** A moment and the offset of the zone it is told in. */
export interface Moment {
  /** Since 1970. */
  readonly nanoseconds: bigint;
  readonly offsetSeconds: number;
}

const zeroMoment: Moment = { nanoseconds: -62_135_596_800_000_000_000n, offsetSeconds: 0 };
const monthNames = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
] as const;
const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** Reads RFC 3339; undefined if it is not. */
export function parseMoment(text: string): Moment | undefined {
  const nanoseconds = parseTimestamp(text);
  if (nanoseconds === undefined) return undefined;
  const [, sign, hours = '0', minutes = '0'] = /([-+])(\d\d):(\d\d)$/.exec(text) ?? [];
  const offset = Number(hours) * 3600 + Number(minutes) * 60;
  return { nanoseconds, offsetSeconds: sign === '-' ? -offset : offset };
}

interface Parts {
  readonly date: Date;
  readonly fraction: string;
  readonly offsetSeconds: number;
}

function partsOf({ nanoseconds, offsetSeconds }: Moment): Parts {
  const local = nanoseconds + BigInt(offsetSeconds) * 1_000_000_000n;
  const rest = ((local % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (local - rest) / 1_000_000_000n;
  return { date: new Date(Number(seconds) * 1000), fraction: rest.toString().padStart(9, '0'), offsetSeconds };
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

function zoneText(seconds: number, separator: string, utc = ''): string {
  if (seconds === 0 && utc !== '') return utc;
  const minutes = Math.abs(seconds) / 60;
  return `${seconds < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}${separator}${two(minutes % 60)}`;
}

const layoutTokens: readonly (readonly [pattern: string, show: (parts: Parts) => string])[] = [
  ['January', ({ date }) => monthNames[date.getUTCMonth()] ?? ''],
  ['Jan', ({ date }) => (monthNames[date.getUTCMonth()] ?? '').slice(0, 3)],
  ['Monday', ({ date }) => dayNames[date.getUTCDay()] ?? ''],
  ['Mon', ({ date }) => (dayNames[date.getUTCDay()] ?? '').slice(0, 3)],
  ['MST', ({ offsetSeconds }) => (offsetSeconds === 0 ? 'UTC' : zoneText(offsetSeconds, ''))],
  ['2006', ({ date }) => String(date.getUTCFullYear()).padStart(4, '0')],
  ['-07:00', ({ offsetSeconds }) => zoneText(offsetSeconds, ':')],
  ['-0700', ({ offsetSeconds }) => zoneText(offsetSeconds, '')],
  ['Z07:00', ({ offsetSeconds }) => zoneText(offsetSeconds, ':', 'Z')],
  ['Z0700', ({ offsetSeconds }) => zoneText(offsetSeconds, '', 'Z')],
  ['002', ({ date }) => String(dayOfYear(date)).padStart(3, '0')],
  ['01', ({ date }) => two(date.getUTCMonth() + 1)],
  ['02', ({ date }) => two(date.getUTCDate())],
  ['03', ({ date }) => two(date.getUTCHours() % 12 || 12)],
  ['04', ({ date }) => two(date.getUTCMinutes())],
  ['05', ({ date }) => two(date.getUTCSeconds())],
  ['06', ({ date }) => two(date.getUTCFullYear() % 100)],
  ['15', ({ date }) => two(date.getUTCHours())],
  ['PM', ({ date }) => (date.getUTCHours() < 12 ? 'AM' : 'PM')],
  ['pm', ({ date }) => (date.getUTCHours() < 12 ? 'am' : 'pm')],
  ['_2', ({ date }) => String(date.getUTCDate()).padStart(2, ' ')],
  ['1', ({ date }) => String(date.getUTCMonth() + 1)],
  ['2', ({ date }) => String(date.getUTCDate())],
  ['3', ({ date }) => String(date.getUTCHours() % 12 || 12)],
  ['4', ({ date }) => String(date.getUTCMinutes())],
  ['5', ({ date }) => String(date.getUTCSeconds())],
];

function dayOfYear(date: Date): number {
  return Math.trunc((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
}

/** Go's `Time.Format`. */
export function formatMoment(moment: Moment, layout: string): string {
  const parts = partsOf(moment);
  let text = '';
  for (let index = 0; index < layout.length;) {
    const rest = layout.slice(index);
    const fraction = /^[.,](0+|9+)(?![0-9])/.exec(rest);
    const token = layoutTokens.find(([pattern]) => rest.startsWith(pattern));
    if (fraction?.[1] !== undefined) {
      const digits = parts.fraction.slice(0, fraction[1].length);
      const kept = fraction[1].startsWith('9') ? digits.replace(/0+$/, '') : digits;
      text += kept === '' ? '' : `${rest[0]}${kept}`;
      index += fraction[0].length;
    } else if (token === undefined) {
      text += layout[index];
      index++;
    } else {
      text += token[1](parts);
      index += token[0].length;
    }
  }
  return text;
}

/** Go's `Time.MarshalJSON`, without the quotes. */
function momentJson(moment: Moment): string {
  return formatMoment(moment, '2006-01-02T15:04:05.999999999Z07:00');
}

function momentOf(value: GoValue): Moment {
  return objectOf(value) as Moment;
}

function getter(result: GoType, read: (moment: Moment) => GoValue): GoMethod {
  return { parameters: [], variadic: false, result, call: (receiver) => read(momentOf(receiver)) };
}

function part(read: (parts: Parts) => number): GoMethod {
  return getter(intType, (moment) => goInt(read(partsOf(moment))));
}

function stringer(read: (value: GoValue) => string): Readonly<Record<string, GoMethod>> {
  return { String: { parameters: [], variadic: false, result: stringType, call: (receiver) => goString(read(receiver)) } };
}

const monthType = named('time.Month', intType, stringer((value) => monthNames[Number(integerOf(value)) - 1] ?? `%!Month(${integerOf(value)})`));
const weekdayType = named('time.Weekday', intType, stringer((value) => dayNames[Number(integerOf(value))] ?? `%!Weekday(${integerOf(value)})`));
export const durationType = named('time.Duration', int64Type, {
  ...stringer((value) => formatSpan(integerOf(value))),
  Seconds: { parameters: [], variadic: false, result: intType, call: (receiver) => goInt(integerOf(receiver) / 1_000_000_000n) },
});

/** Go's `Duration.String`: `1m30s`. */
export function formatSpan(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  if (nanoseconds < 0n) return `-${formatSpan(-nanoseconds)}`;
  const decimal = (unit: bigint): string => {
    const digits = (nanoseconds % unit).toString().padStart(unit.toString().length - 1, '0').replace(/0+$/, '');
    return digits === '' ? '' : `.${digits}`;
  };
  if (nanoseconds < 1_000n) return `${nanoseconds}ns`;
  if (nanoseconds < 1_000_000n) return `${nanoseconds / 1_000n}${decimal(1_000n)}µs`;
  if (nanoseconds < 1_000_000_000n) return `${nanoseconds / 1_000_000n}${decimal(1_000_000n)}ms`;
  const seconds = nanoseconds / 1_000_000_000n;
  const minutes = seconds / 60n;
  const rest = `${seconds % 60n}${decimal(1_000_000_000n)}s`;
  if (minutes === 0n) return rest;
  return minutes < 60n ? `${minutes}m${rest}` : `${minutes / 60n}h${minutes % 60n}m${rest}`;
}

const unit = (divisor: bigint): GoMethod => getter(int64Type, ({ nanoseconds }) => {
  const rest = ((nanoseconds % divisor) + divisor) % divisor;
  return { type: int64Type, data: (nanoseconds - rest) / divisor };
});

export const timeType: StructType = {
  ...structOf('time.Time', [], {
    String: getter(stringType, (moment) => goString(formatMoment(moment, '2006-01-02 15:04:05.999999999 -0700 MST'))),
    Format: {
      parameters: [stringType], variadic: false, result: stringType,
      call: (receiver, [layout]) => goString(formatMoment(momentOf(receiver), layout === undefined ? '' : textOf(layout))),
    },
    IsZero: getter(boolType, ({ nanoseconds }) => goBool(nanoseconds === zeroMoment.nanoseconds)),
    Unix: unit(1_000_000_000n),
    UnixMilli: unit(1_000_000n),
    UnixMicro: unit(1_000n),
    UnixNano: unit(1n),
    Year: part(({ date }) => date.getUTCFullYear()),
    Day: part(({ date }) => date.getUTCDate()),
    Hour: part(({ date }) => date.getUTCHours()),
    Minute: part(({ date }) => date.getUTCMinutes()),
    Second: part(({ date }) => date.getUTCSeconds()),
    Nanosecond: part(({ fraction }) => Number(fraction)),
    YearDay: part(({ date }) => dayOfYear(date)),
    Month: getter(monthType, (moment) => ({ type: monthType, data: BigInt(partsOf(moment).date.getUTCMonth() + 1) })),
    Weekday: getter(weekdayType, (moment) => ({ type: weekdayType, data: BigInt(partsOf(moment).date.getUTCDay()) })),
    UTC: {
      parameters: [], variadic: false,
      get result(): GoType { return timeType; },
      call: (receiver) => goTime({ nanoseconds: momentOf(receiver).nanoseconds, offsetSeconds: 0 }),
    },
  }),
  marshal: (value) => quoteText(momentJson(momentOf(value))),
};

export function goTime(moment: Moment = zeroMoment): GoValue {
  return opaqueValue(timeType, moment);
}
