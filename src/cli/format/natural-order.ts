/** Orders texts so that the numbers in them count as numbers: `a2` before `a10`. */
import { compareText } from '#base/template/go-value.ts';

export function compareNaturally(left: string, right: string): number {
  const a = left.match(/[0-9]+|[^0-9]/gu) ?? [];
  const b = right.match(/[0-9]+|[^0-9]/gu) ?? [];
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [one = '', other = ''] = [a[at], b[at]];
    if (one === other) continue;
    if (!/^[0-9]/.test(one) || !/^[0-9]/.test(other)) return compareText(one, other);
    const [digits, otherDigits] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')];
    if (digits.length !== otherDigits.length) return digits.length - otherDigits.length;
    if (digits !== otherDigits) return compareText(digits, otherDigits);
    // The same number: the one with fewer zeros before it comes first.
    return one.length - other.length;
  }
  return a.length - b.length;
}
