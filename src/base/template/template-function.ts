/** Functions a template can call: their Go signature and what they do. */
import { fail } from '../errors/failure.ts';
import type { GoSignature, GoType } from './go-type.ts';
import { unboxed, type GoCallable, type GoValue } from './go-value.ts';

export interface TemplateFunction extends GoSignature {
  readonly call: GoCallable;
}

export type TemplateFunctions = ReadonlyMap<string, TemplateFunction>;

/** A function whose parameters have been checked against their types. */
export function functionFrom(parameters: readonly GoType[], result: GoType, call: GoCallable, variadic = false): TemplateFunction {
  return { parameters, variadic, result, call };
}

/** Fails the function being called; the template reports it as `error calling NAME: message`. */
export function refuse(message: string): never {
  throw fail('template.execution', { message });
}

/** A parameter that is known to be there. */
export function present(value: GoValue | undefined): GoValue {
  return value ?? refuse('reflect: call of reflect.Value.Type on zero Value');
}

/** The values of `...interface{}`. */
export function anyValues(values: readonly (GoValue | undefined)[]): (GoValue | undefined)[] {
  return values.map(unboxed);
}

