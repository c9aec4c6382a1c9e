/** Reads the fields of a configuration's object by type, and knows afterwards which nobody has asked for. */
import { fail } from '#base/errors/failure.ts';

export class FieldReader {
  readonly #object: Readonly<Record<string, unknown>>;
  /** Where the object is in the document: `upstreams[0]`; empty: it is the document. */
  readonly place: string;
  readonly #asked = new Set<string>();

  constructor(object: Readonly<Record<string, unknown>>, place: string) {
    this.#object = object;
    this.place = place;
  }

  placeOf(name: string): string {
    return this.place === '' ? name : `${this.place}.${name}`;
  }

  /** Undefined where it is missing or empty. */
  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || value === '') return undefined;
    if (typeof value !== 'string') throw this.#wrong(name, 'a text');
    return value;
  }

  texts(name: string): readonly string[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) throw this.#wrong(name, 'a list of texts');
    return value;
  }

  flag(name: string, initial: boolean): boolean {
    const value = this.#take(name) ?? initial;
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false');
    return value;
  }

  count(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw this.#wrong(name, 'a whole number from 0 on');
    return value;
  }

  group(name: string): FieldReader | undefined {
    const value = this.#take(name);
    return value === undefined ? undefined : new FieldReader(this.#asObject(value, name), this.placeOf(name));
  }

  groups(name: string): FieldReader[] {
    const value = this.#take(name) ?? [];
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list');
    return value.map((entry, index) => new FieldReader(this.#asObject(entry, `${name}[${index}]`), this.placeOf(`${name}[${index}]`)));
  }

  /** @throws registry_server.invalid_option for a field that has not been read */
  refuseUnknown(): void {
    const unknown = Object.keys(this.#object).find((name) => !this.#asked.has(name));
    if (unknown !== undefined) throw fail('registry_server.invalid_option', { option: this.placeOf(unknown), reason: `there is no such field (there is ${[...this.#asked].join(', ')})` });
  }

  #take(name: string): unknown {
    this.#asked.add(name);
    return this.#object[name] ?? undefined;
  }

  #asObject(value: unknown, name: string): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong(name, 'an object');
    return value as Readonly<Record<string, unknown>>;
  }

  #wrong(name: string, wanted: string): Error {
    return fail('registry_server.invalid_option', { option: this.placeOf(name), reason: `it must be ${wanted}` });
  }
}
