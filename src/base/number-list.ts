/**
 * Reads the kernel's lists of numbers, `0-2,7`. Answers the numbers, or what is wrong in Docker's words
 * (`invalid format: …`, `value of out range, maximum is …`) when the text is no list or exceeds `maximum`.
 */
export function parseNumberList(text: string, maximum = Number.POSITIVE_INFINITY): Set<number> | string {
  const numbers = new Set<number>();
  if (text === '') return numbers;
  for (const part of text.split(',')) {
    const match = /^([+-]?\d+)(?:-([+-]?\d+))?$/.exec(part);
    if (match === null) return `invalid format: ${text}`;
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first || first < 0) return `invalid format: ${text}`;
    if (last > maximum) return `value of out range, maximum is ${maximum}`;
    for (let number = first; number <= last; number += 1) numbers.add(number);
  }
  return numbers;
}
