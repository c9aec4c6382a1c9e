/** `eq ne lt le gt ge`, with Go's rules of what can be compared. */
import { boolType, isSigned, isUnsigned, reflectType } from './go-type.ts';
import { complexOf, compareText, elementsOf, goBool, unboxed, type GoValue } from './go-value.ts';
import { formatPrintf, formatValue } from './go-format.ts';
import { functionFrom, refuse, type TemplateFunction } from './template-function.ts';

type Operand = GoValue | undefined;
type BasicKind = 'bool' | 'complex' | 'integer' | 'unsigned' | 'float' | 'string';

function basicKind(value: Operand): BasicKind | undefined {
  const kind = value?.type.kind;
  if (kind === undefined) return undefined;
  if (kind === 'bool' || kind === 'string') return kind;
  if (isSigned(kind)) return 'integer';
  if (isUnsigned(kind)) return 'unsigned';
  if (kind === 'float32' || kind === 'float64') return 'float';
  return kind === 'complex128' ? 'complex' : undefined;
}

function isNil(value: Operand): boolean {
  return value === undefined || value.data === null;
}

/** Whether two values of one type are the same; undefined where the type does not compare. */
function identical(left: GoValue, right: GoValue): boolean | undefined {
  const { kind } = right.type;
  if (kind === 'slice' || kind === 'map' || kind === 'func') return undefined;
  if (left.type.name !== right.type.name) return false;
  if (kind === 'pointer' || !Array.isArray(right.data)) return left.data === right.data;
  const others = elementsOf(right);
  return elementsOf(left).every((element, index) => {
    const other = others[index];
    return other !== undefined && identical(element, other) === true;
  });
}

function equals(left: Operand, right: Operand): boolean {
  const kind = basicKind(left);
  const otherKind = basicKind(right);
  if (kind !== otherKind) {
    const integers = ['integer', 'unsigned'];
    if (integers.includes(kind ?? '') && integers.includes(otherKind ?? '')) return left?.data === right?.data;
    return left !== undefined && right !== undefined ? refuse('incompatible types for comparison') : false;
  }
  if (kind === 'complex' && left !== undefined && right !== undefined) {
    const [a, b] = [complexOf(left), complexOf(right)];
    return a.real === b.real && a.imaginary === b.imaginary;
  }
  if (kind !== undefined) return left?.data === right?.data;
  if (left !== undefined && right !== undefined && left.type.kind !== right.type.kind) {
    refuse(`non-comparable types ${formatPrintf('%s', [left])}: ${left.type.name}, ${right.type.name}: ${formatValue(right)}`);
  }
  if (isNil(left) || isNil(right) || left === undefined || right === undefined) return isNil(left) === isNil(right);
  return identical(left, right) ?? refuse(`non-comparable type ${formatPrintf('%s', [right])}: ${right.type.name}`);
}

function isLess(left: Operand, right: Operand): boolean {
  const kind = basicKind(left) ?? refuse('invalid type for comparison');
  const otherKind = basicKind(right) ?? refuse('invalid type for comparison');
  const integers = ['integer', 'unsigned'];
  if (kind !== otherKind && !(integers.includes(kind) && integers.includes(otherKind))) {
    refuse('incompatible types for comparison');
  }
  if (kind === 'bool' || kind === 'complex') refuse('invalid type for comparison');
  const [a, b] = [left?.data ?? 0, right?.data ?? 0];
  return typeof a === 'string' ? compareText(a, String(b)) < 0 : (a as bigint) < (b as bigint);
}

function comparison(test: (left: Operand, right: Operand) => boolean): TemplateFunction {
  return functionFrom([reflectType, reflectType], boolType, ([left, right]) => goBool(test(unboxed(left), unboxed(right))));
}

export const comparisonFunctions: Readonly<Record<string, TemplateFunction>> = {
  eq: functionFrom([reflectType, reflectType], boolType, ([first, ...others]) => {
    if (others.length === 0) refuse('missing argument for comparison');
    return goBool(others.some((other) => equals(unboxed(first), unboxed(other))));
  }, true),
  ne: comparison((left, right) => !equals(left, right)),
  lt: comparison(isLess),
  le: comparison((left, right) => isLess(left, right) || equals(left, right)),
  gt: comparison((left, right) => !isLess(left, right) && !equals(left, right)),
  ge: comparison((left, right) => !isLess(left, right)),
};
