/**
 * The daemon's options: dockerd's names, in its help's order, on the command line and in `daemon.json`. Those the
 * engine has no use for are known too, so that a Docker set-up starts unchanged; they are said to have no effect.
 */
import { isIP } from 'node:net';
import { parseListenAddress } from '#api/connection/listen-address.ts';
import { messageOf } from '#base/errors/failure.ts';

/** `list`: may be given several times. `pairs`: such a list of key=value, an object in the file. */
export type OptionKind = 'text' | 'boolean' | 'integer' | 'list' | 'pairs';

export interface OptionRow {
  /** On the command line. */
  readonly flag: string;
  readonly shorthand?: string;
  /** In the configuration file; undefined: on the command line only. */
  readonly key: string | undefined;
  readonly kind: OptionKind;
  /** What the help shows for the value. */
  readonly placeholder: string;
  /** undefined: known, but without effect. */
  readonly help: string | undefined;
  /** Docker's words for what is wrong with a value; undefined if nothing is. */
  readonly fault?: (value: string) => string | undefined;
}

type Details = Partial<Pick<OptionRow, 'shorthand' | 'key' | 'placeholder' | 'fault'>>;

const placeholders: Readonly<Record<OptionKind, string>> = { text: 'string', boolean: '', integer: 'int', list: 'list', pairs: 'map' };

function row(flag: string, kind: OptionKind, help: string | undefined, details: Details = {}): OptionRow {
  return { flag, key: flag, kind, placeholder: placeholders[kind], help, ...details };
}

const ignored = (flag: string, kind: OptionKind, key = flag): OptionRow => row(flag, kind, undefined, { key });

function hostFault(value: string): string | undefined {
  try {
    if (value.trim() !== '') parseListenAddress(value, '/');
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

export function labelFault(value: string): string | undefined {
  if (!value.includes('=')) return `bad attribute format: ${value}`;
  return /^(com\.docker|io\.docker|org\.dockerproject)\./i.test(value)
    ? `label ${value} is not allowed: the namespaces com.docker.*, io.docker.*, and org.dockerproject.* are reserved for internal use`
    : undefined;
}

function runtimeFault(value: string): string | undefined {
  const [, name = '', path = ''] = /^([^=]*)=(.*)$/s.exec(value) ?? [];
  if (name.trim() === '' || path.trim() === '') return `invalid runtime argument: ${value}`;
  return undefined;
}

export const optionTable: readonly OptionRow[] = [
  row('add-runtime', 'pairs', 'Register an additional OCI compatible runtime (name=path)', { key: 'runtimes', placeholder: 'runtime', fault: runtimeFault }),
  ignored('allow-direct-routing', 'boolean'),
  ignored('allow-nondistributable-artifacts', 'list'),
  ignored('authorization-plugin', 'list', 'authorization-plugins'),
  row('bip', 'text', 'IPv4 address for the default bridge, with its prefix length'),
  ignored('bip6', 'text'),
  row('bridge', 'text', 'Network bridge of the default network; made if it does not exist', { shorthand: 'b' }),
  ignored('cdi-spec-dir', 'list', 'cdi-spec-dirs'),
  row('cgroup-parent', 'text', 'Set parent cgroup for all containers'),
  row('config-file', 'text', 'Daemon configuration file (default "/etc/dhow/daemon.json")', { key: undefined }),
  ignored('containerd', 'text'),
  ignored('containerd-namespace', 'text'),
  ignored('containerd-plugins-namespace', 'text'),
  ignored('cpu-rt-period', 'integer'),
  ignored('cpu-rt-runtime', 'integer'),
  ignored('cri-containerd', 'boolean'),
  row('data-root', 'text', 'Root directory of persistent state (default "/var/lib/dhow")'),
  row('debug', 'boolean', 'Enable debug mode', { shorthand: 'D' }),
  ignored('default-address-pool', 'list', 'default-address-pools'),
  ignored('default-cgroupns-mode', 'text'),
  ignored('default-gateway', 'text'),
  ignored('default-gateway-v6', 'text'),
  ignored('default-ipc-mode', 'text'),
  ignored('default-network-opt', 'pairs', 'default-network-opts'),
  row('default-runtime', 'text', 'Default OCI runtime for containers (default: crun, else runc)'),
  ignored('default-shm-size', 'text'),
  ignored('default-ulimit', 'pairs', 'default-ulimits'),
  row('dns', 'list', 'DNS server to use', {
    placeholder: 'ip',
    fault: (value) => (isIP(value) === 0 ? `invalid string being converted to IP address: ${value}` : undefined),
  }),
  row('dns-opt', 'list', 'DNS options to use', { key: 'dns-opts' }),
  row('dns-search', 'list', 'DNS search domains to use'),
  ignored('exec-opt', 'list', 'exec-opts'),
  row('exec-root', 'text', 'Root directory for execution state files (default "/run/dhow")'),
  ignored('experimental', 'boolean'),
  ignored('feature', 'pairs', 'features'),
  ignored('fixed-cidr', 'text'),
  ignored('fixed-cidr-v6', 'text'),
  row('group', 'text', 'Group for the unix socket (default "docker")', { shorthand: 'G' }),
  row('host', 'list', 'Daemon socket(s) to listen on: unix://, tcp://, fd:// (default unix://<exec-root>/docker.sock)', { shorthand: 'H', key: 'hosts', fault: hostFault }),
  ignored('host-gateway-ip', 'text'),
  ignored('http-proxy', 'text'),
  ignored('https-proxy', 'text'),
  ignored('icc', 'boolean'),
  ignored('init', 'boolean'),
  ignored('init-path', 'text'),
  row('insecure-registry', 'list', 'Enable insecure registry communication', { key: 'insecure-registries' }),
  ignored('ip', 'text'),
  ignored('ip-forward', 'boolean'),
  ignored('ip-forward-no-drop', 'boolean'),
  ignored('ip-masq', 'boolean'),
  ignored('ip6tables', 'boolean'),
  ignored('iptables', 'boolean'),
  ignored('ipv6', 'boolean'),
  row('label', 'list', 'Set key=value labels to the daemon', { key: 'labels', fault: labelFault }),
  row('live-restore', 'boolean', 'Shown by info; containers outlive the daemon whatever it says'),
  ignored('log-driver', 'text'),
  row('log-format', 'text', 'Set the logging format ("text"|"json") (default "text")'),
  row('log-level', 'text', 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal") (default "info")', { shorthand: 'l' }),
  ignored('log-opt', 'pairs', 'log-opts'),
  ignored('max-concurrent-downloads', 'integer'),
  ignored('max-concurrent-uploads', 'integer'),
  ignored('max-download-attempts', 'integer'),
  ignored('metrics-addr', 'text'),
  ignored('mtu', 'integer'),
  ignored('network-control-plane-mtu', 'integer'),
  ignored('no-new-privileges', 'boolean'),
  ignored('no-proxy', 'text'),
  ignored('node-generic-resource', 'list', 'node-generic-resources'),
  row('pidfile', 'text', 'Path to use for daemon PID file (default "<exec-root>/dhowd.pid")', { shorthand: 'p' }),
  ignored('raw-logs', 'boolean'),
  ignored('registry-mirror', 'list', 'registry-mirrors'),
  ignored('rootless', 'boolean'),
  ignored('seccomp-profile', 'text'),
  ignored('selinux-enabled', 'boolean'),
  row('shutdown-timeout', 'integer', 'Seconds the daemon waits for requests to end when it stops (default 15)'),
  row('storage-driver', 'text', 'Storage driver to use ("overlay2"|"vfs") (default: what the data root allows)', { shorthand: 's' }),
  ignored('storage-opt', 'list', 'storage-opts'),
  ignored('swarm-default-advertise-addr', 'text'),
  row('tls', 'boolean', 'Use TLS; implied by --tlsverify'),
  row('tlscacert', 'text', 'Trust certs signed only by this CA'),
  row('tlscert', 'text', 'Path to TLS certificate file'),
  row('tlskey', 'text', 'Path to TLS key file'),
  row('tlsverify', 'boolean', 'Use TLS and verify the remote'),
  ignored('userland-proxy', 'boolean'),
  ignored('userland-proxy-path', 'text'),
  ignored('userns-remap', 'text'),
  row('validate', 'boolean', 'Validate daemon configuration and exit', { key: undefined }),
];

/** The help text. */
export function describeOptions(): string {
  const shown = [
    ...optionTable.filter((option) => option.help !== undefined),
    row('help', 'boolean', 'Print usage', { key: undefined, shorthand: 'h' }),
    row('version', 'boolean', 'Print version information and quit', { key: undefined, shorthand: 'v' }),
  ].sort((left, right) => (left.flag < right.flag ? -1 : 1));
  const heads = shown.map(({ shorthand, flag, placeholder }) => `  ${shorthand === undefined ? '   ' : `-${shorthand},`} --${flag}${placeholder === '' ? '' : ` ${placeholder}`}`);
  const width = Math.max(...heads.map((head) => head.length)) + 3;
  const lines = shown.map(({ help }, place) => `${(heads[place] ?? '').padEnd(width)}${help ?? ''}`);
  return `\nUsage:  dhowd [OPTIONS]\n\nA daemon that runs containers and serves the Docker Engine API.\n\nOptions:\n${lines.join('\n')}\n`;
}
