/**
 * What a template sees of one row of a list: a pointer to a struct that has methods alone, as the
 * contexts of Docker's formatter are.
 */
import { encodeJson, encodeText } from '#base/template/go-json.ts';
import { anyType, pointerTo, stringType, structOf, type GoMethod, type GoType, type PointerType, type StructType } from '#base/template/go-type.ts';
import { goString, objectOf, opaqueValue, textOf, type GoValue } from '#base/template/go-value.ts';

export interface ContextType<T> {
  /** The pointer's type. */
  readonly type: PointerType;
  /** The row's value for templates. */
  readonly value: (row: T) => GoValue;
}

/** A column: a text, or a value of another type. */
export type Column<T> = ((row: T) => string) | { readonly type: GoType; readonly read: (row: T) => GoValue };

/**
 * @param name as Go's: `formatter.ContainerContext`
 * @param columns methods without parameters; JSON shows them all
 * @param lookUps methods that take a text, such as `Label`
 */
export function contextType<T>(
  name: string, columns: Readonly<Record<string, Column<T>>>, lookUps: Readonly<Record<string, (row: T, key: string) => string>> = {},
): ContextType<T> {
  // Values of this type are made by `value` below alone, of rows of type T.
  const rowOf = (receiver: GoValue): T => objectOf(receiver) as T;
  const methods: Record<string, GoMethod> = {};
  for (const [column, read] of Object.entries(columns)) methods[column] = columnMethod(read, rowOf);
  // Rows have the header's members, empty.
  for (const member of ['Header', 'FullHeader']) {
    methods[member] = { parameters: [], variadic: false, result: anyType, call: () => undefined };
  }
  for (const [column, read] of Object.entries(lookUps)) {
    methods[column] = {
      parameters: [stringType], variadic: false, result: stringType,
      call: (receiver, [key]) => goString(read(rowOf(receiver), key === undefined ? '' : textOf(key))),
    };
  }
  const names = Object.keys(columns).sort();
  const struct: StructType = structOf(name, [], methods);
  const type: PointerType = {
    ...pointerTo(struct),
    // Docker encodes its contexts by themselves, so `<` and `>` come out escaped whatever the outer encoder does.
    marshal: (value) => `{${names.map((column) => (
      `${encodeText(column, true)}:${encodeJson(methods[column]?.call(value, []))}`)).join(',')}}`,
  };
  return { type, value: (row) => ({ type, data: opaqueValue(struct, row) }) };
}

function columnMethod<T>(column: Column<T>, rowOf: (receiver: GoValue) => T): GoMethod {
  if (typeof column === 'function') {
    return { parameters: [], variadic: false, result: stringType, call: (receiver) => goString(column(rowOf(receiver))) };
  }
  return { parameters: [], variadic: false, result: column.type, call: (receiver) => column.read(rowOf(receiver)) };
}
