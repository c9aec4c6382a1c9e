/** Refusing options: in whose words, and for which of several values. */
import { fail } from '#base/errors/failure.ts';

export type Refusal = (message: string) => Error;

export function refuseFirst(values: readonly string[], faultOf: (value: string) => string | undefined, refuse: Refusal): void {
  for (const value of values) {
    const fault = faultOf(value);
    if (fault !== undefined) throw refuse(fault);
  }
}

export function valueOf<T>(reading: { readonly value: T } | { readonly fault: string }, refuse: Refusal): T {
  if ('fault' in reading) throw refuse(reading.fault);
  return reading.value;
}

export const invalid: Refusal = (message) => fail('daemon.invalid_option', { message });

/** Shapes were checked when the file was read. */
export function isRecord<T>(value: unknown): value is Record<string, T> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList<T>(value: unknown): value is readonly T[] {
  return Array.isArray(value);
}
