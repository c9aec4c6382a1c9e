/** The functions Docker adds to Go's templates, and those that take their place in a table's header. */
import { encodeJson } from './go-json.ts';
import { sliceText, textLength } from './go-text.ts';
import { anyType, intType, sliceOf, stringType } from './go-type.ts';
import { elementsOf, goString, integerOf, textOf, unboxed, type GoValue } from './go-value.ts';
import { functionFrom, present, refuse, type TemplateFunction, type TemplateFunctions } from './template-function.ts';

const strings = sliceOf(stringType);

type Operand = GoValue | undefined;

function text(value: Operand): string {
  return textOf(present(value));
}

function number(value: Operand): number {
  return Number(integerOf(present(value)));
}

function onText(change: (text: string) => string): TemplateFunction {
  return functionFrom([stringType], stringType, ([value]) => goString(change(text(value))));
}

/** Go changes the case of each character by itself: what becomes two stays as it is. */
function upperRune(rune: string): string {
  const upper = rune.toUpperCase();
  return Array.from(upper).length === 1 ? upper : rune;
}

function mapRunes(source: string, change: (rune: string) => string): string {
  return Array.from(source, change).join('');
}

/** Go's `strings.Title`: a capital at the begin of each word. */
function titled(words: string): string {
  let before = ' ';
  let out = '';
  for (const character of words) {
    out += isSeparator(before) ? upperRune(character) : character;
    before = character;
  }
  return out;
}

function isSeparator(character: string): boolean {
  if (character.charCodeAt(0) < 0x80) return !/[0-9A-Za-z_]/.test(character);
  return !/[\p{L}\p{Nd}]/u.test(character) && /\p{White_Space}/u.test(character);
}

function padded(source: string, before: number, after: number): string {
  if (source === '') return source;
  if (before < 0 || after < 0) refuse('strings: negative Repeat count');
  return ' '.repeat(before) + source + ' '.repeat(after);
}

function truncated(source: string, length: number): string {
  if (textLength(source) < length) return source;
  if (length < 0) refuse(`runtime error: slice bounds out of range [:${length}]`);
  return sliceText(source, 0, length);
}

const pad = functionFrom([stringType, intType, intType], stringType, ([source, before, after]) => (
  goString(padded(text(source), number(before), number(after)))));

const functions: Readonly<Record<string, TemplateFunction>> = {
  json: functionFrom([anyType], stringType, ([value]) => goString(encodeJson(unboxed(value), false))),
  split: functionFrom([stringType, stringType], strings, ([source, separator]) => {
    const parts = text(separator) === '' ? Array.from(text(source)) : text(source).split(text(separator));
    return { type: strings, data: parts.map(goString) };
  }),
  join: functionFrom([strings, stringType], stringType, ([parts, separator]) => (
    goString(elementsOf(present(parts)).map(textOf).join(text(separator))))),
  title: onText(titled),
  lower: onText((source) => mapRunes(source, (rune) => Array.from(rune.toLowerCase())[0] ?? rune)),
  upper: onText((source) => mapRunes(source, upperRune)),
  pad,
  truncate: functionFrom([stringType, intType], stringType, ([source, length]) => goString(truncated(text(source), number(length)))),
};

export const dockerFunctions: TemplateFunctions = new Map(Object.entries(functions));

const same = onText((header) => header);
const sameWith = (type: typeof stringType): TemplateFunction => (
  functionFrom([stringType, type], stringType, ([header]) => header));

/** In a header the names of columns stay as they are; only `pad` works. */
export const headerFunctions: TemplateFunctions = new Map([
  ...dockerFunctions,
  ...Object.entries({
    json: same, split: sameWith(stringType), join: sameWith(stringType), title: same, lower: same, upper: same,
    truncate: sameWith(intType),
  }),
]);
