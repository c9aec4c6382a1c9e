/** Functions every Go template has. `and` and `or` are here for their signature: the executor cuts them short itself. */
import { comparisonFunctions } from './comparison-functions.ts';
import { escapeHtml, escapeQuery, escapeScript } from './escape-functions.ts';
import { formatPrint, formatPrintf, formatPrintln, isInteger, printable } from './go-format.ts';
import { bytesOfText, sliceText, textLength } from './go-text.ts';
import { anyType, boolType, intType, isAssignable, reflectType, stringType, uint8Type, type GoType } from './go-type.ts';
import {
  elementsOf, entriesOf, functionOf, goBool, goInt, goString, indirect, integerOf, textOf, truthOf, unboxed, zeroOf,
  type GoMap, type GoValue,
} from './go-value.ts';
import { anyValues, functionFrom, present, refuse, type TemplateFunction, type TemplateFunctions } from './template-function.ts';

type Operand = GoValue | undefined;

function indexNumber(index: Operand, limit: number): number {
  if (index === undefined) return refuse('cannot index slice/array with nil');
  if (!isInteger(index.type)) return refuse(`cannot index slice/array with type ${index.type.name}`);
  const number = integerOf(index);
  return number < 0n || number > BigInt(limit) ? refuse(`index out of range: ${number}`) : Number(number);
}

/** A value fit for a parameter or a map's key of some type. */
function prepared(value: Operand, type: GoType): GoValue {
  if (value === undefined) {
    const nils = ['interface', 'map', 'pointer', 'slice', 'func'];
    return nils.includes(type.kind) ? zeroOf(type) : refuse(`value is nil; should be of type ${type.name}`);
  }
  if (isAssignable(value.type, type)) return value;
  if (isInteger(value.type) && isInteger(type)) return { type, data: value.data };
  return refuse(`value has type ${value.type.name}; should be ${type.name}`);
}

function index([first, ...indexes]: readonly Operand[]): Operand {
  let item = unboxed(first) ?? refuse('index of untyped nil');
  for (const boxedIndex of indexes) {
    const at = unboxed(boxedIndex);
    const { value: target, isNil } = indirect(item);
    if (isNil || target === undefined) refuse('index of nil pointer');
    const { type } = target;
    switch (type.kind) {
      case 'slice':
      case 'array': {
        const elements = elementsOf(target);
        const number = indexNumber(at, elements.length);
        item = elements[number] ?? refuse('reflect: slice index out of range');
        break;
      }
      case 'string': {
        const bytes = bytesOfText(textOf(target));
        const byte = bytes[indexNumber(at, bytes.length)] ?? refuse('reflect: string index out of range');
        item = { type: uint8Type, data: BigInt(byte) };
        break;
      }
      case 'map': {
        const key = prepared(at, type.key);
        const entries: GoMap = entriesOf(target);
        const found = typeof key.data === 'string' || typeof key.data === 'bigint' ? entries.get(key.data) : undefined;
        item = found ?? zeroOf(type.element);
        break;
      }
      default: refuse(`can't index item of type ${type.name}`);
    }
  }
  return item;
}

function slice([first, ...indexes]: readonly Operand[]): Operand {
  const item = unboxed(first) ?? refuse('slice of untyped nil');
  if (indexes.length > 3) refuse(`too many slice indexes: ${indexes.length}`);
  const { kind } = item.type;
  const isString = kind === 'string';
  if (!isString && kind !== 'slice' && kind !== 'array') refuse(`can't slice item of type ${item.type.name}`);
  if (isString && indexes.length === 3) refuse('cannot 3-index slice a string');
  const length = isString ? textLength(textOf(item)) : elementsOf(item).length;
  const [from = 0, to = length, limit] = indexes.map((at) => indexNumber(at, length));
  if (from > to) refuse(`invalid slice index: ${from} > ${to}`);
  if (limit !== undefined && to > limit) refuse(`invalid slice index: ${to} > ${limit}`);
  if (isString) return { type: item.type, data: sliceText(textOf(item), from, to) };
  return { type: item.type, data: elementsOf(item).slice(from, to) };
}

function length([item]: readonly Operand[]): GoValue {
  const { value, isNil } = indirect(item);
  if (isNil) refuse('len of nil pointer');
  const target = present(value);
  switch (target.type.kind) {
    case 'string': return goInt(textLength(textOf(target)));
    case 'slice':
    case 'array': return goInt(elementsOf(target).length);
    case 'map': return goInt(entriesOf(target).size);
    default: return refuse(`len of type ${target.type.name}`);
  }
}

/** The executor puts what the template calls the function before it. */
function call([name, first, ...operands]: readonly Operand[]): Operand {
  const shown = name === undefined ? '' : textOf(name);
  const value = unboxed(first) ?? refuse('call of nil');
  if (value.type.kind !== 'func') refuse(`non-function ${shown} of type ${value.type.name}`);
  const { type, call: run } = functionOf(value);
  const { parameters, variadic } = type;
  const least = parameters.length - 1;
  if (variadic && operands.length < least) refuse(`wrong number of args for ${shown}: got ${operands.length} want at least ${least}`);
  if (!variadic && operands.length !== parameters.length) {
    refuse(`wrong number of args for ${shown}: got ${operands.length} want ${parameters.length}`);
  }
  return run(operands.map((operand, at) => {
    const expected = parameters[Math.min(at, least)];
    return expected === undefined ? operand : prepared(unboxed(operand), expected);
  }));
}

/** The text a function makes of its arguments before it escapes it. */
function joined(values: readonly Operand[]): string {
  return formatPrint(anyValues(values).map((value) => printable(value) ?? goString('<no value>')));
}

const functions: Readonly<Record<string, TemplateFunction>> = {
  ...comparisonFunctions,
  and: functionFrom([reflectType, reflectType], reflectType, ([first]) => first, true),
  or: functionFrom([reflectType, reflectType], reflectType, ([first]) => first, true),
  not: functionFrom([reflectType], boolType, ([value]) => goBool(!truthOf(value))),
  index: functionFrom([reflectType, reflectType], reflectType, index, true),
  slice: functionFrom([reflectType, reflectType], reflectType, slice, true),
  len: functionFrom([reflectType], intType, length),
  call: functionFrom([reflectType, reflectType], reflectType, call, true),
  print: functionFrom([anyType], stringType, (values) => goString(formatPrint(anyValues(values))), true),
  println: functionFrom([anyType], stringType, (values) => goString(formatPrintln(anyValues(values))), true),
  printf: functionFrom([stringType, anyType], stringType, ([format, ...values]) => (
    goString(formatPrintf(textOf(present(format)), anyValues(values)))), true),
  html: functionFrom([anyType], stringType, (values) => goString(escapeHtml(joined(values))), true),
  js: functionFrom([anyType], stringType, (values) => goString(escapeScript(joined(values))), true),
  urlquery: functionFrom([anyType], stringType, (values) => goString(escapeQuery(joined(values))), true),
};

export const builtinFunctions: TemplateFunctions = new Map(Object.entries(functions));
