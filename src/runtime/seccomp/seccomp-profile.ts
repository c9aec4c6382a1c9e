/**
 * Profiles in Docker's format, which says under which circumstances (capabilities, architecture, kernel)
 * a rule counts, and their translation to the rules of one container.
 */
import { fail, messageOf } from '#base/errors/failure.ts';
import type { SeccompArgument, SeccompCallRule, SeccompRules } from '#kernel/seccomp-rules.ts';

export interface SeccompCondition {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  /** `4.8` */
  readonly minKernel?: string;
}

export interface SeccompProfileRule {
  /** The old way to name one call. */
  readonly name?: string;
  readonly names?: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[] | null;
  /** All must hold. */
  readonly includes?: SeccompCondition | null;
  /** Any that holds takes the rule away. */
  readonly excludes?: SeccompCondition | null;
}

export interface SeccompProfile {
  readonly defaultAction?: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[] | null;
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] | null }[] | null;
  readonly flags?: readonly string[] | null;
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SeccompProfileRule[] | null;
}

export interface SeccompCircumstances {
  /** As profiles name it: `amd64`, `arm64`, … */
  readonly architecture: string;
  /** As uname(2) tells it, `6.1.0-13-amd64`. */
  readonly kernelRelease: string;
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
}

const libraryNames: Readonly<Record<string, string>> = {
  x86: 'SCMP_ARCH_X86',
  amd64: 'SCMP_ARCH_X86_64',
  arm: 'SCMP_ARCH_ARM',
  arm64: 'SCMP_ARCH_AARCH64',
  mipsel: 'SCMP_ARCH_MIPSEL',
  mips64: 'SCMP_ARCH_MIPS64',
  mipsel64: 'SCMP_ARCH_MIPSEL64',
  ppc64: 'SCMP_ARCH_PPC64',
  ppc64le: 'SCMP_ARCH_PPC64LE',
  riscv64: 'SCMP_ARCH_RISCV64',
  s390: 'SCMP_ARCH_S390',
  s390x: 'SCMP_ARCH_S390X',
};

/** Reads a profile's JSON text. @throws runtime.seccomp_profile_invalid */
export function parseSeccompProfile(text: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text, keepWideNumbers);
  } catch (error) {
    throw invalid(`Decoding seccomp profile failed: ${messageOf(error)}`, error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`Decoding seccomp profile failed: the profile is ${Array.isArray(value) ? 'an array' : typeof value}, not an object`);
  }
  const profile: SeccompProfile = value;
  for (const list of [profile.architectures, profile.archMap, profile.syscalls]) {
    if (list !== undefined && list !== null && !Array.isArray(list)) throw invalid('Decoding seccomp profile failed: a list of the profile is none');
  }
  return profile;
}

interface RawJson {
  rawJSON(text: string): object;
}

/** Values of arguments are 64 bits wide. */
function keepWideNumbers(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const wide = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source !== undefined;
  return wide && /^\d+$/.test(context.source) ? (JSON as unknown as RawJson).rawJSON(context.source) : value;
}

/**
 * The rules for a container; undefined for a profile that says nothing.
 * @throws runtime.seccomp_profile_invalid with Docker's texts
 */
export function seccompRules(profile: SeccompProfile, circumstances: SeccompCircumstances): SeccompRules | undefined {
  const calls = profile.syscalls ?? [];
  if ((profile.defaultAction ?? '') === '' && calls.length === 0) return undefined;
  const architectures = selectArchitectures(profile, circumstances.architecture);
  const selected: SeccompCallRule[] = [];
  for (const rule of calls) {
    const names = namesOf(rule);
    if (counts(rule, circumstances)) selected.push(plainRule(rule, names));
  }
  return {
    defaultAction: profile.defaultAction ?? '',
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures.length === 0 ? {} : { architectures }),
    ...((profile.flags ?? []).length === 0 ? {} : { flags: profile.flags ?? [] }),
    ...(profile.listenerPath === undefined ? {} : { listenerPath: profile.listenerPath }),
    ...(profile.listenerMetadata === undefined ? {} : { listenerMetadata: profile.listenerMetadata }),
    syscalls: selected,
  };
}

function selectArchitectures(profile: SeccompProfile, architecture: string): string[] {
  const listed = [...(profile.architectures ?? [])];
  const map = profile.archMap ?? [];
  if (listed.length > 0 && map.length > 0) {
    throw invalid("both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'");
  }
  const entry = map.find((candidate) => candidate.architecture === libraryNames[architecture]);
  return entry === undefined ? listed : [entry.architecture, ...(entry.subArchitectures ?? [])];
}

function namesOf(rule: SeccompProfileRule): readonly string[] {
  const names = rule.names ?? [];
  if ((rule.name ?? '') === '') return names;
  if (names.length > 0) throw invalid("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  return [rule.name ?? ''];
}

function counts(rule: SeccompProfileRule, circumstances: SeccompCircumstances): boolean {
  const excludes = rule.excludes ?? {};
  const includes = rule.includes ?? {};
  if ((excludes.arches ?? []).includes(circumstances.architecture)) return false;
  if ((excludes.caps ?? []).some((name) => circumstances.capabilities.includes(name))) return false;
  if ((excludes.minKernel ?? '') !== '' && kernelIsAtLeast(excludes.minKernel ?? '', circumstances.kernelRelease)) return false;
  if ((includes.arches ?? []).length > 0 && !(includes.arches ?? []).includes(circumstances.architecture)) return false;
  if (!(includes.caps ?? []).every((name) => circumstances.capabilities.includes(name))) return false;
  return (includes.minKernel ?? '') === '' || kernelIsAtLeast(includes.minKernel ?? '', circumstances.kernelRelease);
}

function plainRule(rule: SeccompProfileRule, names: readonly string[]): SeccompCallRule {
  return {
    names,
    action: rule.action,
    ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
    ...((rule.args ?? []).length === 0 ? {} : { args: rule.args ?? [] }),
  };
}

function kernelIsAtLeast(wanted: string, release: string): boolean {
  const [wantedMajor, wantedMinor] = versionOf(wanted);
  const [major, minor] = versionOf(release);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function versionOf(text: string): [major: number, minor: number] {
  const match = /^(\d+)\.(\d+)/.exec(text);
  if (match === null) throw invalid(`Decoding seccomp profile failed: invalid kernel version: ${JSON.stringify(text)}, expected "<kernel>.<major>"`);
  return [Number(match[1]), Number(match[2])];
}

function invalid(message: string, cause?: unknown): Error {
  return fail('runtime.seccomp_profile_invalid', { message }, cause);
}
