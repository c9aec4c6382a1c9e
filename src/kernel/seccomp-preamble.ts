/**
 * The start of a seccomp program that decides system calls newer than libseccomp. Since number 424 all
 * architectures that are handled here give a call the same number, so one list serves them.
 */
import type { SeccompCallRule } from './seccomp-rules.ts';

/** Numbers of calls that libseccomp 2.5 does not know. */
const newCalls: Readonly<Record<string, number>> = {
  landlock_create_ruleset: 444,
  landlock_add_rule: 445,
  landlock_restrict_self: 446,
  memfd_secret: 447,
  process_mrelease: 448,
  futex_waitv: 449,
  set_mempolicy_home_node: 450,
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
};

/** AUDIT_ARCH tokens: x86_64, x86, x32 (as libseccomp spells it), aarch64, arm, riscv64, s390x, s390, ppc64le. */
const commonNumbering = new Set([0xc000003e, 0x40000003, 0x4000003e, 0xc00000b7, 0x40000028, 0xc00000f3, 0x80000016, 0x16, 0xc0000015]);
const x32Token = 0x4000003e;
const x86Token = 0xc000003e;

const loadWord = 0x20;
const jumpEqual = 0x15;
const jumpGreater = 0x25;
const jumpGreaterOrEqual = 0x35;
const jumpAlways = 0x05;
const returnValue = 0x06;
const callOffset = 0;
const architectureOffset = 4;
/** x32 calls carry this bit; the library's part of the program handles them. */
const x32Bit = 0x40000000;
const noSuchCall = 0x00050000 | 38;
const firstCommonNumber = 424;
const lastProbedNumber = 600;

export interface PreambleInput {
  readonly defaultAction: number;
  /** Rules with the names that the library does not know. */
  readonly rules: readonly SeccompCallRule[];
  readonly actionOf: (rule: SeccompCallRule) => number | undefined;
  readonly tokens: readonly number[];
  readonly knows: (token: number, number: number) => boolean;
}

/** Empty when nothing is to be decided: the default lets calls through, or an architecture numbers its calls in its own way. */
export function newSystemCallPreamble(input: PreambleInput): Buffer {
  const denies = [0x00050000, 0x00030000, 0x80000000, 0].includes((input.defaultAction & 0xffff0000) >>> 0);
  const tokens = [...new Set(input.tokens.map((token) => (token === x32Token ? x86Token : token)))];
  if (!denies || tokens.length === 0 || tokens.some((token) => !commonNumbering.has(token))) return Buffer.alloc(0);
  const lastKnown = lastKnownNumber(tokens, input.knows);
  const decisions = new Map<number, number>();
  for (const rule of input.rules) {
    const action = input.actionOf(rule);
    // A condition on an unknown call's arguments is not expressed: the call stays unknown, ENOSYS.
    if (action === undefined || (rule.args ?? []).length > 0) continue;
    for (const name of rule.names) {
      const number = newCalls[name];
      if (number !== undefined && number > lastKnown) decisions.set(number, action);
    }
  }
  return assemble(tokens, lastKnown, decisions);
}

function lastKnownNumber(tokens: readonly number[], knows: PreambleInput['knows']): number {
  for (let number = lastProbedNumber; number > firstCommonNumber; number -= 1) {
    if (tokens.some((token) => knows(token, number))) return number;
  }
  return firstCommonNumber;
}

function assemble(tokens: readonly number[], lastKnown: number, decisions: ReadonlyMap<number, number>): Buffer {
  const byAction = new Map<number, number[]>();
  for (const [number, action] of decisions) byAction.set(action, [...(byAction.get(action) ?? []), number]);
  const decided = [...byAction].map(([action, numbers]) => {
    const tests = numbers.map((number, index) => instruction(jumpEqual, number, numbers.length - 1 - index, index === numbers.length - 1 ? 1 : 0));
    return Buffer.concat([...tests, instruction(returnValue, action)]);
  });
  const decision = Buffer.concat([...decided, instruction(returnValue, noSuchCall)]);
  // Accumulator holds the call's number; every way out of the preamble leads to the library's program.
  const range = Buffer.concat([
    instruction(loadWord, callOffset),
    instruction(jumpGreaterOrEqual, x32Bit, 1, 0),
    instruction(jumpGreater, lastKnown, 1, 0),
    instruction(jumpAlways, decision.length / 8),
  ]);
  const architectures = tokens.map((token, index) => instruction(jumpEqual, token, tokens.length - index, 0));
  const leave = instruction(jumpAlways, (range.length + decision.length) / 8);
  return Buffer.concat([instruction(loadWord, architectureOffset), ...architectures, leave, range, decision]);
}

/** `struct sock_filter`: u16 code, u8 jump if true, u8 jump if false, u32 operand. */
function instruction(code: number, operand: number, whenTrue = 0, whenFalse = 0): Buffer {
  const bytes = Buffer.alloc(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint16(0, code, littleEndian);
  view.setUint8(2, whenTrue);
  view.setUint8(3, whenFalse);
  view.setUint32(4, operand, littleEndian);
  return bytes;
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
