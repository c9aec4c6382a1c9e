/** The further OCI runtimes that the options name, checked with dockerd's words. */
import { fail } from '#base/errors/failure.ts';
import { JsonNumber } from '#base/json-document.ts';
import type { RuntimeDirective } from './configuration-file.ts';

export interface RuntimeOption {
  /** Name or path of the program. */
  readonly path: string;
  readonly arguments: readonly string[];
}

const standardName = 'runc';
/** Always there, besides those that are named. */
const standardNames: ReadonlySet<string> = new Set([standardName, 'io.containerd.runc.v2', 'crun']);
const knownType = /^io\.containerd\.runc\.v[12]$/;

/** @throws daemon.invalid_option, daemon.bad_arguments */
export function runtimesOf(given: readonly string[], directives: unknown, chosen: string | undefined): Record<string, RuntimeOption> {
  const runtimes: Record<string, RuntimeOption> = {};
  if (isRuntimes(directives)) for (const [name, directive] of Object.entries(directives)) runtimes[name] = fromDirective(name, directive);
  for (const text of given) {
    const name = text.slice(0, text.indexOf('=')).trim().toLowerCase();
    if (runtimes[name] !== undefined) throw fail('daemon.bad_arguments', { message: `invalid argument "${text}" for "--add-runtime" flag: runtime '${name}' was already defined` });
    runtimes[name] = { path: text.slice(text.indexOf('=') + 1).trim(), arguments: [] };
  }
  if (chosen !== undefined && runtimes[chosen] === undefined && !standardNames.has(chosen)) throw invalid(`specified default runtime '${chosen}' does not exist`);
  return runtimes;
}

function fromDirective(name: string, { path, runtimeArgs = [], runtimeType, options }: RuntimeDirective): RuntimeOption {
  if (name === standardName) throw invalid(`runtime name '${standardName}' is reserved`);
  if (path === '' && runtimeType === undefined) throw invalid(`runtime ${name}: either a runtimeType or a path must be configured`);
  if (runtimeType === undefined) {
    if (options !== undefined) throw invalid(`runtime ${name}: options cannot be used with a path runtime`);
    return { path, arguments: runtimeArgs };
  }
  if (path !== '') throw invalid(`runtime ${name}: cannot configure both path and runtimeType for the same runtime`);
  if (runtimeArgs.length > 0) throw invalid(`runtime ${name}: cannot use runtimeArgs with a runtimeType runtime`);
  if (!knownType.test(runtimeType)) throw invalid(`runtime ${name}: runtimeType ${runtimeType} needs containerd, which this engine works without; give the path of an OCI runtime instead`);
  const program = options instanceof Map ? options.get('BinaryName') : undefined;
  if (program instanceof JsonNumber || (program !== undefined && typeof program !== 'string')) throw invalid(`runtime ${name}: its option BinaryName must be the path of a program`);
  return { path: program === undefined || program === '' ? standardName : program, arguments: [] };
}

function isRuntimes(value: unknown): value is Record<string, RuntimeDirective> {
  return typeof value === 'object' && value !== null;
}

function invalid(message: string): Error {
  return fail('daemon.invalid_option', { message });
}
