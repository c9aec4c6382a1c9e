/** Platforms as users write them: `linux/arm64`, `arm/v7`, `amd64`. */
import { quoteText } from '#base/template/go-quote.ts';

const systems = new Set(['aix', 'android', 'darwin', 'dragonfly', 'freebsd', 'hurd', 'illumos', 'ios', 'js', 'linux', 'nacl', 'netbsd', 'openbsd', 'plan9', 'solaris', 'windows', 'zos']);
const architectures = new Set(['386', 'amd64', 'amd64p32', 'arm', 'armbe', 'arm64', 'arm64be', 'loong64', 'mips', 'mipsle', 'mips64', 'mips64le', 'mips64p32', 'mips64p32le', 'ppc', 'ppc64', 'ppc64le', 'riscv', 'riscv64', 's390', 's390x', 'sparc', 'sparc64', 'wasm']);

/** In the API's form. @throws Error with containerd's texts */
export function normalizePlatform(text: string): string {
  if (text === '') return '';
  const invalid = (problem: string): Error => new Error(`error parsing specified platform: ${problem}: invalid argument`);
  const parts = text.split('/');
  for (const part of parts) {
    if (!/^[A-Za-z0-9_.-]+(\([A-Za-z0-9_.-]+\))?$/.test(part)) throw invalid(`${quoteText(part)} is an invalid component of ${quoteText(text)}: platform specifier component must match "^[A-Za-z0-9_.-]+$"`);
  }
  const [first = '', second, variant] = parts;
  if (parts.length > 3) throw invalid(`${quoteText(text)}: cannot parse platform specifier`);
  if (second !== undefined) return [systemName(first), ...architectureNames(second, variant ?? '')].join('/');
  const system = systemName(first);
  if (systems.has(system)) return [system, ...architectureNames(process.arch === 'x64' ? 'amd64' : process.arch, '')].join('/');
  const [architecture = '', ...rest] = architectureNames(first, '');
  if (architectures.has(architecture)) return ['linux', architecture, ...rest].join('/');
  throw invalid(`${quoteText(text)}: unknown operating system or architecture`);
}

function systemName(text: string): string {
  const lower = text.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

function architectureNames(text: string, given: string): string[] {
  const variant = given.toLowerCase();
  const named = (...parts: string[]): string[] => parts.filter((part) => part !== '');
  switch (text.toLowerCase()) {
    case 'i386':
      return ['386'];
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return named('amd64', variant === 'v1' ? '' : variant);
    case 'aarch64':
    case 'arm64':
      return named('arm64', variant === '8' || variant === 'v8' ? '' : variant);
    case 'armhf':
      return ['arm'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      return named('arm', variant === '' ? 'v7' : /^[5-8]$/.test(variant) ? `v${variant}` : variant);
    default:
      return named(text.toLowerCase(), variant);
  }
}
