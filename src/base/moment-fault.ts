/** Why a text is no moment, in the words of Go's `time.Parse`. */
import { quoteText } from './template/go-quote.ts';

/** One element of a layout: takes its part of the text, or says what stands in the way. */
interface Element {
  readonly layout: string;
  /** The rest of the text; undefined: it begins with no such element. */
  readonly take: (text: string) => { readonly rest: string; readonly outOfRange?: string | undefined } | undefined;
}

const number = (layout: string, digits: RegExp, name = '', least = 0, most = Number.POSITIVE_INFINITY): Element => ({
  layout,
  take(text) {
    const [found] = digits.exec(text) ?? [];
    if (found === undefined) return undefined;
    return { rest: text.slice(found.length), ...((Number(found) < least || Number(found) > most) && { outOfRange: name }) };
  },
});

const year = number('2006', /^\d{4}/);
const month = number('01', /^\d\d/, 'month', 1, 12);
const day = number('02', /^\d\d/);
const hour = number('15', /^\d\d?/, 'hour', 0, 23);
const minute = number('04', /^\d\d/, 'minute', 0, 59);
// A fraction may follow without being in the layout.
const second: Element = {
  layout: '05',
  take: (text) => {
    const taken = number('05', /^\d\d/, 'second', 0, 59).take(text);
    return taken && { ...taken, rest: taken.rest.replace(/^[.,]\d+/, '') };
  },
};
const fraction: Element = { layout: '.999999999', take: (text) => ({ rest: text.replace(/^[.,]\d+/, '') }) };
const zone: Element = {
  layout: 'Z07:00',
  take: (text) => {
    const [found, hours, minutes] = /^(?:Z|[+-](\d\d):(\d\d))/.exec(text) ?? [];
    if (found === undefined) return undefined;
    const outOfRange = Number(hours) > 24 ? 'time zone offset hour' : Number(minutes) > 60 ? 'time zone offset minute' : undefined;
    return { rest: text.slice(found.length), outOfRange };
  },
};

/** Docker's words for `text`, which is neither a duration nor a moment: those for the layout that its `api/types/time` tries for it. */
export function momentFault(text: string): string {
  if (!text.includes('-')) return `failed to parse value as time or duration: ${quoteText(text)}`;
  return layoutFault(text, layoutFor(text)) ?? `parsing time ${quoteText(text)}: day out of range`;
}

const rfc3339: readonly (Element | string)[] = [year, '-', month, '-', day, 'T', hour, ':', minute, ':', second, zone];

/** What is wrong with a moment in JSON (RFC 3339, strictly), undefined if nothing. */
export function timeFault(text: string): string | undefined {
  const fault = layoutFault(text, rfc3339);
  if (fault !== undefined) return fault;
  const [years = 0, months = 0, days = 0] = text.slice(0, 10).split('-').map(Number);
  const quoted = quoteText(text);
  if (days < 1 || days > daysIn(years, months)) return `parsing time ${quoted}: day out of range`;
  const cannot = (found: string, expected: string): string => `parsing time ${quoted} as "2006-01-02T15:04:05Z07:00": cannot parse ${quoteText(found)} as ${quoteText(expected)}`;
  if (text[12] === ':') return cannot(text.slice(11, 12), '15');
  if (text[19] === ',') return cannot(',', '.');
  if (!text.endsWith('Z')) {
    if (Number(text.slice(-5, -3)) >= 24) return `parsing time ${quoted}: timezone hour out of range`;
    if (Number(text.slice(-2)) >= 60) return `parsing time ${quoted}: timezone minute out of range`;
  }
  return undefined;
}

function daysIn(years: number, months: number): number {
  if (months !== 2) return months === 4 || months === 6 || months === 9 || months === 11 ? 30 : 31;
  return years % 4 === 0 && (years % 100 !== 0 || years % 400 === 0) ? 29 : 28;
}

/** What keeps `text` from following the layout, undefined if nothing. Whether its month has its day is not looked at. */
function layoutFault(text: string, parts: readonly (Element | string)[]): string | undefined {
  const layout = parts.map((part) => (typeof part === 'string' ? part : part.layout)).join('');
  let rest = text;
  for (const part of parts) {
    const cannot = (expected: string): string => `parsing time ${quoteText(text)} as ${quoteText(layout)}: cannot parse ${quoteText(rest)} as ${quoteText(expected)}`;
    if (typeof part === 'string') {
      if (!rest.startsWith(part)) return cannot(part);
      rest = rest.slice(part.length);
      continue;
    }
    const taken = part.take(rest);
    if (taken === undefined) return cannot(part.layout);
    if (taken.outOfRange !== undefined) return `parsing time ${quoteText(text)}: ${taken.outOfRange} out of range`;
    ({ rest } = taken);
  }
  return rest === '' ? undefined : `parsing time ${quoteText(text)}: extra text: ${quoteText(rest)}`;
}

function layoutFor(text: string): readonly (Element | string)[] {
  const date = [year, '-', month, '-', day];
  const zoned = /[zZ+]/.test(text) || text.split('-').length === 4;
  const end = zoned ? [zone] : [];
  if (text.includes('.')) return [...date, 'T', hour, ':', minute, ':', second, fraction, ...end];
  if (!text.includes('T')) return [...date, ...end];
  const colons = text.split(':').length - 1 - (zoned && !/[zZ]/.test(text) ? 1 : 0);
  return [...date, 'T', hour, ...(colons > 0 ? [':', minute] : []), ...(colons > 1 ? [':', second] : []), ...end];
}
