/** Platforms as users write them: `linux/arm64`, `arm/v7`, `amd64`. */
import { quoteText } from '#base/template/go-quote.ts';

const systems = new Set(['aix', 'android', 'darwin', 'dragonfly', 'freebsd', 'hurd', 'illumos', 'ios', 'js', 'linux', 'nacl', 'netbsd', 'openbsd', 'plan9', 'solaris', 'windows', 'zos']);
const architectures = new Set(['386', 'amd64', 'amd64p32', 'arm', 'armbe', 'arm64', 'arm64be', 'loong64', 'mips', 'mipsle', 'mips64', 'mips64le', 'mips64p32', 'mips64p32le', 'ppc', 'ppc64', 'ppc64le', 'riscv', 'riscv64', 's390', 's390x', 'sparc', 'sparc64', 'wasm']);

/** In the API's form. @throws Error with containerd's texts */
export function normalizePlatform(text: string): string {
  if (text === '') return '';
  const invalid = (problem: string): Error => new Error(`error parsing specified platform: ${problem}: invalid argument`);
  const parts = text.split('/');
  const [first = '', second, third] = parts;
  if (!osPattern.test(first)) throw invalid(`${quoteText(first)} is an invalid OS component of ${quoteText(text)}: OSAndVersion specifier component must match ${quoteText(osPattern.source)}`);
  // What is behind the third slash counts as one.
  for (const part of [...parts.slice(1, 3), ...(parts.length > 3 ? [parts.slice(3).join('/')] : [])]) {
    if (!/^[A-Za-z0-9_.-]+$/.test(part)) throw invalid(`${quoteText(part)} is an invalid component of ${quoteText(text)}: platform specifier component must match "^[A-Za-z0-9_.-]+$"`);
  }
  if (parts.length > 3) throw invalid(`${quoteText(text)}: cannot parse platform specifier`);
  if (second !== undefined) {
    const { architecture, variant } = normalArchitecture(second, third ?? '');
    if (third !== undefined) return join(systemName(first), architecture, architecture === 'arm64' && variant === '' ? 'v8' : variant);
    return join(systemName(first), architecture, isUsual(architecture, variant) ? '' : variant);
  }
  const system = systemName(first);
  if (systems.has(system)) return join(system, process.arch === 'x64' ? 'amd64' : process.arch, '');
  const { architecture, variant } = normalArchitecture(first, '');
  if (architectures.has(architecture)) return join('linux', architecture, isUsual(architecture, variant) ? '' : variant);
  throw invalid(`${quoteText(text)}: unknown operating system or architecture`);
}

const osPattern = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/;

function join(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

/** ARM without a variant means v7, and is sent without one. */
function isUsual(architecture: string, variant: string): boolean {
  return architecture === 'arm' && variant === 'v7';
}

function systemName(text: string): string {
  const lower = text.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

function normalArchitecture(text: string, given: string): { architecture: string; variant: string } {
  const variant = given.toLowerCase();
  switch (text.toLowerCase()) {
    case 'i386':
      return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64':
      return { architecture: 'arm64', variant: variant === '8' || variant === 'v8' ? '' : variant };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      return { architecture: 'arm', variant: variant === '' ? 'v7' : /^[5-8]$/.test(variant) ? `v${variant}` : variant };
    default:
      return { architecture: text.toLowerCase(), variant };
  }
}
