/** `--since` and `--until` as the API takes them: seconds since 1970, with nine digits of fraction for points in time. */
import { parseGoDuration } from '#base/go-duration.ts';
import { momentFault } from '#base/moment-fault.ts';
import { parsePastMoment } from '#base/past-moment.ts';
import { nowNanoseconds } from '#base/timestamp.ts';

/** Empty stays empty. @throws Error with Docker's text */
export function momentText(text: string, name: 'since' | 'until'): string {
  // Seconds are the API's own form.
  if (text === '' || /^-?\d+(\.\d+)?$/.test(text)) return text;
  const moment = parsePastMoment(text, nowNanoseconds());
  if (moment === undefined) throw new Error(`invalid value for ${JSON.stringify(name)}: ${momentFault(text)}`);
  const seconds = moment / 1_000_000_000n;
  if (parseGoDuration(text) !== undefined) return String(seconds);
  return `${seconds}.${(moment - seconds * 1_000_000_000n).toString().padStart(9, '0')}`;
}
