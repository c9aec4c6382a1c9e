/** Why a text is no moment, in the words of Go's `time.Parse` with the layout that Docker's `api/types/time` tries for it. */
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
    const [found] = /^(?:Z|[+-]\d\d:\d\d)/.exec(text) ?? [];
    return found === undefined ? undefined : { rest: text.slice(found.length) };
  },
};

/** Docker's words for `text`, which is neither a duration nor a moment. */
export function momentFault(text: string): string {
  if (!text.includes('-')) return `failed to parse value as time or duration: ${quoteText(text)}`;
  const parts = layoutFor(text);
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
  return rest === '' ? `parsing time ${quoteText(text)}: day out of range` : `parsing time ${quoteText(text)}: extra text: ${quoteText(rest)}`;
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
