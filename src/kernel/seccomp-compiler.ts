/**
 * Compiles seccomp rules to a BPF program with the system's libseccomp.so.2. System calls newer than the
 * library are decided by a preamble of our own, so that programs see ENOSYS for what no rule names
 * (as with runc) instead of EPERM, and what the rules allow is allowed.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { checked, declare, koffi } from './libc.ts';
import { newSystemCallPreamble } from './seccomp-preamble.ts';
import type { SeccompArgument, SeccompCallRule, SeccompRules } from './seccomp-rules.ts';

const optimizeAttribute = 8;
const binaryTree = 2;
const unknownCall = -1;
const errnoExists = 17;
const largestProgram = 4096;

const plainActions: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
const actionsWithNumber: Readonly<Record<string, number>> = { SCMP_ACT_ERRNO: 0x00050000, SCMP_ACT_TRACE: 0x7ff00000 };
const comparisons = ['SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'];
const operationNotPermitted = 1;

const memfdCreate = declare('int memfd_create(const char *name, unsigned int flags)');

function openLibrary() {
  try {
    const library = koffi.load('libseccomp.so.2');
    return {
      version: library.func('void *seccomp_version()'),
      init: library.func('void *seccomp_init(uint32_t action)'),
      release: library.func('void seccomp_release(void *context)'),
      setAttribute: library.func('int seccomp_attr_set(void *context, int attribute, uint32_t value)'),
      resolveArchitecture: library.func('uint32_t seccomp_arch_resolve_name(const char *name)'),
      addArchitecture: library.func('int seccomp_arch_add(void *context, uint32_t token)'),
      resolveCall: library.func('int seccomp_syscall_resolve_name(const char *name)'),
      callExists: library.func('void *seccomp_syscall_resolve_num_arch(uint32_t token, int number)'),
      addRule: library.func('int seccomp_rule_add_array(void *context, uint32_t action, int number, unsigned int count, const void *conditions)'),
      exportProgram: library.func('int seccomp_export_bpf(void *context, int descriptor)'),
      free: koffi.load('libc.so.6').func('void free(void *memory)'),
    };
  } catch {
    // Not installed: the runtime then has its own way, or fails with its own words.
    return undefined;
  }
}

type Library = NonNullable<ReturnType<typeof openLibrary>>;
let opened: { readonly library: Library | undefined } | undefined;

function seccompLibrary(): Library | undefined {
  opened ??= { library: openLibrary() };
  return opened.library;
}

/** `2.5.4`; undefined without the library. */
export function seccompLibraryVersion(): string | undefined {
  const library = seccompLibrary();
  if (library === undefined) return undefined;
  const parts: unknown = koffi.decode(library.version(), 'uint32_t', 3);
  return Array.from(parts as Iterable<number>).join('.');
}

/** The program as the kernel takes it (8 bytes per instruction); undefined when this cannot be done here. */
export function compileSeccompProgram(rules: SeccompRules): Buffer | undefined {
  const library = seccompLibrary();
  if (library === undefined) return undefined;
  // Flags are given when the program is installed, and a listener needs the runtime's help.
  if ((rules.flags ?? []).length > 0 || rules.listenerPath !== undefined) return undefined;
  const defaultAction = actionNumber(rules.defaultAction, rules.defaultErrnoRet);
  if (defaultAction === undefined) return undefined;
  const context: unknown = library.init(defaultAction);
  if (context === null) return undefined;
  try {
    library.setAttribute(context, optimizeAttribute, binaryTree);
    const tokens = addArchitectures(library, context, rules.architectures ?? []);
    if (tokens === undefined) return undefined;
    const newer: SeccompCallRule[] = [];
    for (const rule of rules.syscalls ?? []) {
      if (!addCallRule(library, context, rule, defaultAction, newer)) return undefined;
    }
    const program = exportProgram(library, context);
    const preamble = newSystemCallPreamble({
      defaultAction,
      rules: newer,
      actionOf: (rule) => actionNumber(rule.action, rule.errnoRet),
      tokens,
      knows: (token, number) => callExists(library, token, number),
    });
    const whole = Buffer.concat([preamble, program]);
    return whole.length / 8 > largestProgram ? undefined : whole;
  } finally {
    library.release(context);
  }
}

function actionNumber(name: string, number: number | undefined): number | undefined {
  const withNumber = actionsWithNumber[name];
  if (withNumber !== undefined) return withNumber | ((number ?? operationNotPermitted) & 0xffff);
  return plainActions[name];
}

/** The kernel's tokens of all architectures, the native one first; undefined for an unknown name. */
function addArchitectures(library: Library, context: unknown, names: readonly string[]): number[] | undefined {
  const tokens: number[] = [];
  for (const name of names) {
    const token = Number(library.resolveArchitecture(name.replace(/^SCMP_ARCH_/, '').toLowerCase()));
    if (token === 0) return undefined;
    const result = Number(library.addArchitecture(context, token));
    if (result !== 0 && result !== -errnoExists) return undefined;
    tokens.push(token);
  }
  return tokens;
}

/** False: a rule only the runtime may judge. Calls the library does not know go to `newer`. */
function addCallRule(library: Library, context: unknown, rule: SeccompCallRule, defaultAction: number, newer: SeccompCallRule[]): boolean {
  const action = actionNumber(rule.action, rule.errnoRet);
  if (action === undefined) return false;
  const groups = conditionGroups(rule.args ?? []);
  if (groups === undefined) return false;
  const unknown: string[] = [];
  for (const name of rule.names) {
    const number = Number(library.resolveCall(name));
    if (number === unknownCall) {
      unknown.push(name);
      continue;
    }
    // The library refuses rules that say what is so anyway.
    if (action === defaultAction) continue;
    for (const group of groups) {
      if (Number(library.addRule(context, action, number, group.count, group.conditions)) !== 0) return false;
    }
  }
  if (unknown.length > 0) newer.push({ ...rule, names: unknown });
  return true;
}

interface ConditionGroup {
  readonly count: number;
  readonly conditions: Buffer;
}

/** Conditions on different arguments hold together; several on one argument are alternatives, as in runc and crun. */
function conditionGroups(conditions: readonly SeccompArgument[]): ConditionGroup[] | undefined {
  const encoded: Buffer[] = [];
  for (const condition of conditions) {
    const operation = comparisons.indexOf(condition.op) + 1;
    if (operation === 0 || condition.index < 0 || condition.index > 5) return undefined;
    encoded.push(encodeCondition(condition, operation));
  }
  if (new Set(conditions.map((condition) => condition.index)).size < conditions.length) {
    return encoded.map((bytes) => ({ count: 1, conditions: bytes }));
  }
  return [{ count: encoded.length, conditions: Buffer.concat(encoded) }];
}

/** `struct scmp_arg_cmp`: u32 argument, u32 operation, u64 datum, u64 datum. */
function encodeCondition(condition: SeccompArgument, operation: number): Buffer {
  const bytes = Buffer.alloc(24);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(0, condition.index, littleEndian);
  view.setUint32(4, operation, littleEndian);
  view.setBigUint64(8, wide(condition.value), littleEndian);
  view.setBigUint64(16, wide(condition.valueTwo ?? 0), littleEndian);
  return bytes;
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function wide(value: number | object): bigint {
  return BigInt(JSON.stringify(value));
}

function callExists(library: Library, token: number, number: number): boolean {
  const name: unknown = library.callExists(token, number);
  if (name === null) return false;
  library.free(name);
  return true;
}

function exportProgram(library: Library, context: unknown): Buffer {
  const descriptor = checked(Number(memfdCreate('seccomp-program', 1)), 'memfd_create');
  try {
    checked(Number(library.exportProgram(context, descriptor)), 'seccomp_export_bpf');
    const program = Buffer.alloc(fstatSync(descriptor).size);
    readSync(descriptor, program, 0, program.length, 0);
    return program;
  } finally {
    closeSync(descriptor);
  }
}
