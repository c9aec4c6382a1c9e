/**
 * Protobuf messages (proto3) declared as tables of fields: the table gives both the TypeScript type and the coding.
 * Unknown fields are passed over, fields that are not there have proto3's empty values, as every proto3 reader has it.
 */
import { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** One field of a message. */
export interface Field<T> {
  readonly number: number;
  empty(): T;
  write(writer: WireWriter, value: T): void;
  /** `before`: what earlier occurrences of the field gave. */
  read(reader: WireReader, wireType: number, before: T): T;
}

type FieldTable = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
type ValuesOf<F> = { -readonly [K in keyof F]: ValueOf<F[K]> };

/** The TypeScript type of a message. */
export type MessageOf<M> = M extends MessageType<infer T> ? T : never;

export interface MessageType<T> {
  /** A whole message from some of its fields. */
  of(fields?: Partial<T>): T;
  encode(fields: Partial<T>): Buffer;
  /** @throws RangeError when the bytes are no such message */
  decode(bytes: Buffer): T;
}

export function messageType<F extends FieldTable>(table: F): MessageType<ValuesOf<F>> {
  const fields: readonly [string, Field<unknown>][] = Object.entries(table);
  const byNumber = new Map(fields.map(([name, field]) => [field.number, { name, field }]));
  const of = (given: Partial<ValuesOf<F>> = {}): ValuesOf<F> => {
    const message: Record<string, unknown> = {};
    for (const [name, field] of fields) message[name] = field.empty();
    return Object.assign(message, given) as ValuesOf<F>;
  };
  return {
    of,
    encode(given) {
      const writer = new WireWriter();
      const values: Readonly<Record<string, unknown>> = given;
      for (const [name, field] of fields) if (values[name] !== undefined) field.write(writer, values[name]);
      return writer.finish();
    },
    decode(bytes) {
      const message = of() as Record<string, unknown>;
      const reader = new WireReader(bytes);
      while (!reader.done) {
        const { number, wireType } = reader.tag();
        const known = byNumber.get(number);
        if (known === undefined) reader.skip(wireType);
        else message[known.name] = known.field.read(reader, wireType, message[known.name]);
      }
      return message as ValuesOf<F>;
    },
  };
}

function expect(wireType: number, wanted: number): void {
  if (wireType !== wanted) throw new RangeError(`a protobuf field has wire type ${wireType} instead of ${wanted}`);
}

/** `string`. */
export function text(number: number): Field<string> {
  return {
    number,
    empty: () => '',
    write: (writer, value) => {
      if (value === '') return;
      writer.tag(number, 2);
      writer.bytes(Buffer.from(value, 'utf8'));
    },
    read: (reader, wireType) => {
      expect(wireType, 2);
      return reader.bytes().toString('utf8');
    },
  };
}

/** `bytes`. */
export function bytes(number: number): Field<Buffer> {
  return {
    number,
    empty: () => Buffer.alloc(0),
    write: (writer, value) => {
      if (value.length === 0) return;
      writer.tag(number, 2);
      writer.bytes(value);
    },
    read: (reader, wireType) => {
      expect(wireType, 2);
      return reader.bytes();
    },
  };
}

/** `bool`. */
export function flag(number: number): Field<boolean> {
  return {
    number,
    empty: () => false,
    write: (writer, value) => {
      if (!value) return;
      writer.tag(number, 0);
      writer.varint(1n);
    },
    read: (reader, wireType) => {
      expect(wireType, 0);
      return reader.big() !== 0n;
    },
  };
}

/** `int32`, `int64`, `uint32`, `uint64` and enumerations whose values are safe integers. */
export function integer(number: number): Field<number> {
  const big = bigInteger(number);
  return {
    number,
    empty: () => 0,
    write: (writer, value) => big.write(writer, BigInt(value)),
    read: (reader, wireType) => {
      expect(wireType, 0);
      const value = reader.short() ?? Number(big.read(reader, wireType, 0n));
      if (!Number.isSafeInteger(value)) throw new RangeError(`a protobuf number is too large: ${value}`);
      return value;
    },
  };
}

/** `int64` of any size, such as nanoseconds since 1970. */
export function bigInteger(number: number): Field<bigint> {
  return {
    number,
    empty: () => 0n,
    write: (writer, value) => {
      if (value === 0n) return;
      writer.tag(number, 0);
      writer.varint(value);
    },
    read: (reader, wireType) => {
      expect(wireType, 0);
      return BigInt.asIntN(64, reader.big());
    },
  };
}

/** Another message; undefined: it is not there. */
export function nested<T>(number: number, type: MessageType<T>): Field<T | undefined> {
  return {
    number,
    empty: () => undefined,
    write: (writer, value) => {
      if (value === undefined) return;
      writer.tag(number, 2);
      writer.bytes(type.encode(value));
    },
    read: (reader, wireType) => {
      expect(wireType, 2);
      return type.decode(reader.bytes());
    },
  };
}

/** `repeated string`. */
export function texts(number: number): Field<string[]> {
  return repeated<string>(number, (value) => Buffer.from(value, 'utf8'), (found) => found.toString('utf8'));
}

/** `repeated bytes`. */
export function byteStrings(number: number): Field<Buffer[]> {
  return repeated<Buffer>(number, (value) => value, (found) => found);
}

/** A repeated message. */
export function list<T>(number: number, type: MessageType<T>): Field<T[]> {
  return repeated<T>(number, (value) => type.encode(value), (found) => type.decode(found));
}

function repeated<T>(number: number, encode: (value: T) => Buffer, decode: (bytes: Buffer) => T): Field<T[]> {
  return {
    number,
    empty: () => [],
    write: (writer, values) => {
      for (const value of values) {
        writer.tag(number, 2);
        writer.bytes(encode(value));
      }
    },
    read: (reader, wireType, before) => {
      expect(wireType, 2);
      before.push(decode(reader.bytes()));
      return before;
    },
  };
}

/** `map<string, …>`: an object without a prototype's names. `value` is the field of number 2 in an entry. */
export function map<T>(number: number, value: Field<T>): Field<Record<string, T>> {
  const key = text(1);
  return {
    number,
    empty: () => ({}),
    write: (writer, entries) => {
      for (const [name, entry] of Object.entries(entries)) {
        const inner = new WireWriter();
        key.write(inner, name);
        value.write(inner, entry);
        writer.tag(number, 2);
        writer.bytes(inner.finish());
      }
    },
    read: (reader, wireType, before) => {
      expect(wireType, 2);
      const inner = new WireReader(reader.bytes());
      let name = '';
      let entry = value.empty();
      while (!inner.done) {
        const { number: at, wireType: kind } = inner.tag();
        if (at === 1) name = key.read(inner, kind, name);
        else if (at === 2) entry = value.read(inner, kind, entry);
        else inner.skip(kind);
      }
      Object.defineProperty(before, name, { value: entry, writable: true, enumerable: true, configurable: true });
      return before;
    },
  };
}
