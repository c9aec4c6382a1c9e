/** Platforms as `os/architecture/variant`, parsed, normalised and matched as containerd's platforms package does for Docker. */
import { fail, type EngineError } from '#base/errors/failure.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

/** Go's names of the architectures Node knows. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le', s390x: 's390x', riscv64: 'riscv64', loong64: 'loong64' };

const knownSystems = new Set('aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(' '));
const knownArchitectures = new Set(
  '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'.split(' '),
);
const component = /^[A-Za-z0-9_.-]+$/;
const systemAndVersion = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;

/** The platform this process runs on. */
export function hostPlatform(): Platform {
  return { os: 'linux', architecture: architectures[process.arch] ?? process.arch };
}

/** Reads `linux`, `arm64`, `linux/arm/v6` and the like. @throws image.invalid_platform with Docker's text */
export function parsePlatform(text: string): Platform {
  const quoted = JSON.stringify(text);
  if (text.includes('*')) throw invalid(`${quoted}: wildcards not yet supported`);
  const parts = text.split('/');
  const [first = '', architecture = '', variant = ''] = parts;
  const system = systemAndVersion.exec(first);
  if (system === null) throw invalid(`${JSON.stringify(first)} is an invalid OS component of ${quoted}: OSAndVersion specifier component must match ${JSON.stringify(systemAndVersion.source)}`);
  for (const part of [...parts.slice(1, 3), ...(parts.length > 3 ? [parts.slice(3).join('/')] : [])]) {
    if (!component.test(part)) throw invalid(`${JSON.stringify(part)} is an invalid component of ${quoted}: platform specifier component must match ${JSON.stringify(component.source)}`);
  }
  const os = normaliseSystem(system[1] ?? '');
  const osVersion = system[2] === undefined || system[2] === '' ? {} : { osVersion: system[2] };
  if (parts.length === 1) {
    if (knownSystems.has(os)) return { ...hostPlatform(), os, ...osVersion };
    const alone = normaliseArchitecture(first, '');
    if (knownArchitectures.has(alone.architecture)) return { os: 'linux', ...withoutDefaultArm(alone) };
    throw invalid(`${quoted}: unknown operating system or architecture`);
  }
  if (parts.length === 2) return { os, ...osVersion, ...withoutDefaultArm(normaliseArchitecture(architecture, '')) };
  if (parts.length === 3) {
    const full = normaliseArchitecture(architecture, variant);
    return { os, ...osVersion, ...(full.architecture === 'arm64' && full.variant === undefined ? { ...full, variant: 'v8' } : full) };
  }
  throw invalid(`${quoted}: cannot parse platform specifier`);
}

/** `linux/arm/v6`; `unknown` without an operating system. */
export function formatPlatform(platform: Platform): string {
  if (platform.os === '') return 'unknown';
  const system = platform.osVersion === undefined || platform.osVersion === '' ? platform.os : `${platform.os}(${platform.osVersion})`;
  return [system, platform.architecture, platform.variant ?? ''].filter((part) => part !== '').join('/');
}

/**
 * How well an image of platform `offered` runs where `wanted` is asked for: 0 is best, larger is worse,
 * undefined is not at all. An older variant of the same architecture runs, and 386 runs on amd64.
 */
export function platformRank(wanted: Platform, offered: Platform): number | undefined {
  const goal = normalisePlatform(wanted);
  const candidate = normalisePlatform(offered);
  if (goal.os !== candidate.os) return undefined;
  const rank = runnable(goal).findIndex((known) => known.architecture === candidate.architecture && known.variant === (candidate.variant ?? ''));
  return rank < 0 ? undefined : rank;
}

/** As {@link platformRank} has a rank, but an image that names no variant fits any of its architecture. */
export function runsOn(wanted: Platform, offered: Platform): boolean {
  if (platformRank(wanted, offered) !== undefined) return true;
  if (offered.variant !== undefined && offered.variant !== '') return false;
  const [goal, candidate] = [normalisePlatform(wanted), normalisePlatform(offered)];
  return goal.os === candidate.os && goal.architecture === candidate.architecture;
}

function normalisePlatform(platform: Platform): Platform {
  const { variant: _variant, ...rest } = platform;
  return { ...rest, os: normaliseSystem(platform.os), ...normaliseArchitecture(platform.architecture, platform.variant ?? '') };
}

function runnable(goal: Platform): { architecture: string; variant: string }[] {
  const variant = goal.variant ?? '';
  const number = Number(/^v(\d{1,2})$/.exec(variant)?.[1] ?? Number.NaN);
  const own = { architecture: goal.architecture, variant };
  const older = (lowest: number): { architecture: string; variant: string }[] =>
    Number.isNaN(number) ? [] : Array.from({ length: Math.max(0, number - lowest) }, (_unused, index) => ({ architecture: goal.architecture, variant: `v${number - 1 - index}` }));
  switch (goal.architecture) {
    case 'amd64':
      // v1 is spelled as no variant once normalised.
      return [own, ...older(1).map((entry) => (entry.variant === 'v1' ? { ...entry, variant: '' } : entry)), { architecture: '386', variant: '' }];
    case 'arm':
      return [own, ...older(5)];
    case 'arm64':
      return arm64Runnable(variant);
    default:
      return [own];
  }
}

function arm64Runnable(variant: string): { architecture: string; variant: string }[] {
  const match = /^v([89])(?:\.(\d))?$/.exec(variant === '' ? 'v8' : variant);
  if (match === null) return [{ architecture: 'arm64', variant }];
  const minor = Number(match[2] ?? 0);
  const series = (major: number, highest: number): string[] => Array.from({ length: highest + 1 }, (_unused, index) => (highest === index ? `v${major}` : `v${major}.${highest - index}`));
  // Every v9.n contains v8.(n+5) (Arm Architecture Reference Manual).
  const names = match[1] === '9' ? [...series(9, minor), ...series(8, Math.min(minor + 5, 9))] : series(8, minor);
  const own = names.map((name) => ({ architecture: 'arm64', variant: name === 'v8' ? '' : name }));
  return [...own, ...runnable({ os: 'linux', architecture: 'arm', variant: 'v8' })];
}

function normaliseSystem(os: string): string {
  const lower = os.toLowerCase();
  if (lower === '') return 'linux';
  return lower === 'macos' ? 'darwin' : lower;
}

function normaliseArchitecture(givenArchitecture: string, givenVariant: string): { architecture: string; variant?: string } {
  const architecture = givenArchitecture.toLowerCase();
  const variant = givenVariant.toLowerCase();
  switch (architecture) {
    case 'i386':
      return { architecture: '386' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return named('amd64', variant === 'v1' ? '' : variant);
    case 'aarch64':
    case 'arm64':
      if (['8', 'v8', 'v8.0'].includes(variant)) return { architecture: 'arm64' };
      return named('arm64', ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant);
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      if (variant === '' || variant === '7') return { architecture: 'arm', variant: 'v7' };
      return named('arm', ['5', '6', '8'].includes(variant) ? `v${variant}` : variant);
    default:
      return named(architecture, variant);
  }
}

function named(architecture: string, variant: string): { architecture: string; variant?: string } {
  return variant === '' ? { architecture } : { architecture, variant };
}

function withoutDefaultArm(parsed: { architecture: string; variant?: string }): { architecture: string; variant?: string } {
  return parsed.architecture === 'arm' && parsed.variant === 'v7' ? { architecture: 'arm' } : parsed;
}

function invalid(message: string): EngineError {
  return fail('image.invalid_platform', { message: `${message}: invalid argument` });
}
