/** Moments in the user's time zone, as Go prints a `time.Time`. */
import { formatMoment, type Moment } from '#base/template/go-time.ts';

/** `2006-01-02 15:04:05 -0700 MST`. */
export function localTimeText(unixSeconds: number): string {
  const moment = localMoment(BigInt(unixSeconds) * 1_000_000_000n);
  return `${formatMoment(moment, '2006-01-02 15:04:05.999999999 -0700')} ${zoneName(unixSeconds, moment.offsetSeconds)}`;
}

/** RFC 3339: `2006-01-02T15:04:05Z`. */
export function localTimestamp(unixSeconds: number): string {
  return formatMoment(localMoment(BigInt(unixSeconds) * 1_000_000_000n), '2006-01-02T15:04:05Z07:00');
}

/** A moment told in the user's zone. */
export function localMoment(nanoseconds: bigint): Moment {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  return { nanoseconds, offsetSeconds: -date.getTimezoneOffset() * 60 };
}

/** RFC 3339 with nanoseconds, no zeros dropped, in the user's zone. */
export function fixedNanoText(nanoseconds: bigint): string {
  return formatMoment(localMoment(nanoseconds), '2006-01-02T15:04:05.000000000Z07:00');
}

/** The zone's abbreviation; where it has none, its offset, as in the time zone database. */
function zoneName(unixSeconds: number, offsetSeconds: number): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone === 'UTC' || zone === 'Etc/UTC' || zone === undefined) return 'UTC';
  for (const locale of ['en-US', 'en-GB', 'en-AU', 'en-CA', 'en-IN']) {
    const parts = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }).formatToParts(new Date(unixSeconds * 1000));
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    if (/^[A-Z]{3,5}$/.test(name)) return name;
  }
  const minutes = Math.abs(offsetSeconds) / 60;
  const hours = String(Math.trunc(minutes / 60)).padStart(2, '0');
  return `${offsetSeconds < 0 ? '-' : '+'}${hours}${minutes % 60 === 0 ? '' : String(minutes % 60).padStart(2, '0')}`;
}
