/** `--platform` as the API takes it: a JSON object made of `os[/arch[/variant]]`. */
import { CommandFailure } from '#cli/command-failure.ts';
import { quoteText } from '#base/template/go-quote.ts';

const architectures: Readonly<Record<string, readonly [architecture: string, variant: string]>> = {
  i386: ['386', ''], x86_64: ['amd64', ''], 'x86-64': ['amd64', ''], aarch64: ['arm64', ''], arm64: ['arm64', ''], armhf: ['arm', 'v7'], armel: ['arm', 'v6'],
};
const component = /^[A-Za-z0-9_.-]+$/;

/** The platform's JSON. @throws CommandFailure with the text of containerd's platform parser */
export function parsePlatform(text: string): string {
  const refuse = (reason: string): never => {
    throw new CommandFailure(`invalid platform: ${reason}`);
  };
  if (text.includes('*')) refuse(`${quoteText(text)}: wildcards not yet supported: invalid argument`);
  const parts = text.split('/');
  for (const part of parts) {
    if (!component.test(part)) refuse(`${quoteText(part)} is an invalid component of ${quoteText(text)}: platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`);
  }
  const [first = '', second, third] = parts;
  if (parts.length > 3) refuse(`${quoteText(text)}: cannot parse platform specifier: invalid argument`);
  if (second === undefined) return JSON.stringify(singlePlatform(first.toLowerCase(), refuse, text));
  const [architecture, variant] = architectures[second.toLowerCase()] ?? [second.toLowerCase(), ''];
  const chosen = third?.toLowerCase() ?? variant;
  const kept = (architecture === 'arm64' && (chosen === 'v8' || chosen === '8')) || (architecture === 'amd64' && chosen === 'v1') ? '' : chosen;
  return JSON.stringify({ architecture, os: normalOs(first), ...(kept === '' ? {} : { variant: kept }) });
}

function normalOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

/** One word: an operating system, or an architecture of this one. */
function singlePlatform(word: string, refuse: (reason: string) => never, text: string): object {
  const here = process.arch === 'x64' ? 'amd64' : process.arch;
  if (['linux', 'windows', 'darwin', 'freebsd', 'macos'].includes(word)) return { architecture: here, os: normalOs(word) };
  const known = ['386', 'amd64', 'arm', 'arm64', 'ppc64le', 's390x', 'riscv64', 'mips64le', 'loong64'];
  const [architecture, variant] = architectures[word] ?? [word, ''];
  if (!known.includes(architecture)) refuse(`${quoteText(text)}: unknown operating system or architecture: invalid argument`);
  return { architecture, os: 'linux', ...(variant === '' ? {} : { variant }) };
}

/** The explanation of `--platform` where one platform of an image is looked at. */
export const platformFlagText = [
  'Inspect a specific platform of the multi-platform image.',
  'If the image or the server is not multi-platform capable, the command will error out if the platform does not match.',
  "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
].join('\n');
