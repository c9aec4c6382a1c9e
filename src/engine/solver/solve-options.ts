/** What a client asks of a build: BuildKit's frontend attributes, taken apart. */
import type { Ulimit } from '#schema/container-config.ts';
import { fail } from '#base/errors/failure.ts';
import { hostPlatform, parsePlatform, type Platform } from '#oci/platform.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';

export interface SolveOptions {
  /** Path in the directory of Dockerfiles. */
  readonly fileName: string;
  readonly target: string;
  readonly platforms: readonly Platform[];
  /** No platform was asked for. */
  readonly anyPlatform: boolean;
  readonly multiPlatform: boolean;
  readonly buildArguments: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  /** `--build-context`: name to address. */
  readonly contexts: ReadonlyMap<string, string>;
  /** Undefined: use what was made before; empty: nothing of it; else not for these stages. */
  readonly fresh: readonly string[] | undefined;
  readonly pull: boolean;
  /** `name=address`. */
  readonly hosts: readonly string[];
  /** Bytes; 0: the usual. */
  readonly sharedMemory: number;
  readonly ulimits: readonly Ulimit[];
  readonly cgroupParent: string;
  /** RFC 3339, of `SOURCE_DATE_EPOCH`. */
  readonly epoch: string | undefined;
  /** What the client lets the build do beyond the usual: `network.host`, `security.insecure`. */
  readonly entitlements: ReadonlySet<string>;
  readonly network: 'default' | 'none' | 'host';
  readonly hostname: string;
  /** A remote context; empty: the client's directory `context`. */
  readonly context: string;
  /** Names of the client's directories. */
  readonly contextName: string;
  readonly dockerfileName: string;
  /** The Dockerfile is the client's also where the context is elsewhere. */
  readonly dockerfileGiven: boolean;
  /** The `.git` directory of a context stays. */
  readonly keepGitDirectory: boolean;
  /** `frontend.lint` and the like; empty: a build. */
  readonly request: string;
  /** Names that attributes give of cached builds elsewhere. */
  readonly cacheImports: string;
  /** Results of other builds that contexts `input:NAME` mean: chain ids; undefined: no layers. */
  readonly inputs: ReadonlyMap<string, string | undefined>;
  /** All that was asked, as it came. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** @throws build.solve_failed with BuildKit's text */
export function readSolveOptions(attributes: Readonly<Record<string, string>>, inputs: SolveOptions['inputs'] = new Map()): SolveOptions {
  const under = (prefix: string): Map<string, string> =>
    new Map(Object.entries(attributes).flatMap(([name, value]): [string, string][] => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])));
  const text = (name: string, fallback = ''): string => {
    const value = attributes[name] ?? '';
    return value === '' ? fallback : value;
  };
  const noCache = attributes['no-cache'];
  const platforms = text('platform').split(',').filter((name) => name !== '').map((name) => parsePlatform(name));
  const network = text('force-network-mode', 'default');
  const multi = attributes['build-arg:BUILDKIT_MULTI_PLATFORM'] ?? attributes['multi-platform'];
  return {
    fileName: text('filename', 'Dockerfile'),
    target: text('target'),
    platforms: platforms.length === 0 ? [hostPlatform()] : platforms,
    anyPlatform: platforms.length === 0,
    multiPlatform: multi === undefined ? platforms.length > 1 : (parseGoBoolean(multi) ?? refused(`invalid boolean value for multi-platform: ${multi}`)),
    buildArguments: under('build-arg:'),
    labels: under('label:'),
    contexts: under('context:'),
    fresh: noCache === undefined ? undefined : noCache.split(',').filter((name) => name !== ''),
    pull: text('image-resolve-mode') === 'pull',
    hosts: text('add-hosts').split(',').filter((entry) => entry !== ''),
    sharedMemory: Number(text('shm-size', '0')),
    ulimits: text('ulimit').split(',').filter((entry) => entry !== '').map(readUlimit),
    epoch: readEpoch(text('build-arg:SOURCE_DATE_EPOCH')),
    entitlements: new Set(text('entitlements').split(',').filter((name) => name !== '')),
    cgroupParent: text('cgroup-parent'),
    network: network === 'none' || network === 'host' ? network : 'default',
    hostname: text('hostname', text('build-arg:BUILDKIT_SANDBOX_HOSTNAME', 'buildkitsandbox')),
    context: text('context'),
    contextName: text('contextkey', 'context'),
    dockerfileName: text('dockerfilekey', 'dockerfile'),
    dockerfileGiven: attributes['dockerfilekey'] !== undefined,
    keepGitDirectory: parseGoBoolean(text('build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR', 'false')) ?? false,
    request: text('requestid'),
    cacheImports: text('cache-imports'),
    inputs,
    attributes,
  };
}

/** Whether a stage is to be made without what was made before. */
export function isFresh({ fresh }: SolveOptions, stageName: string): boolean {
  return fresh !== undefined && (fresh.length === 0 || fresh.some((name) => name.toLowerCase() === stageName.toLowerCase()));
}

function readEpoch(seconds: string): string | undefined {
  if (seconds === '') return undefined;
  const moment = new Date(Number(seconds) * 1000);
  if (!/^-?\d+$/.test(seconds) || Number.isNaN(moment.getTime())) refused(`invalid SOURCE_DATE_EPOCH: ${seconds}: strconv.ParseInt: parsing ${JSON.stringify(seconds)}: invalid syntax`);
  return moment.toISOString().replace('.000Z', 'Z');
}

/** `name=soft:hard` (docker/go-units). */
function readUlimit(text: string): Ulimit {
  const [, Name = '', soft = '', hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (Name === '') refused(`invalid ulimit argument: ${text}`);
  return { Name, Soft: Number(soft), Hard: Number(hard) };
}

function refused(message: string): never {
  throw fail('build.solve_failed', { message });
}
