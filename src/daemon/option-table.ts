/**
 * The daemon's options: dockerd's names, in its help's order, on the command line and in `daemon.json`. Some are
 * known only so that a Docker set-up starts unchanged: what they are about does not exist here, which the log says.
 */
import { isIP } from 'node:net';
import { parseListenAddress } from '#api/connection/listen-address.ts';
import { messageOf } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { addressFault, networkOptionFault, readAddressPool, readMemorySize, readMirror, readUlimit, type Reading } from './option-values.ts';

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

/** What it is about does not exist in this engine; Docker's set-ups may name it. */
const without = (flag: string, kind: OptionKind, key = flag): OptionRow => row(flag, kind, undefined, { key });

function faultOf<T>(read: (text: string) => Reading<T>): (text: string) => string | undefined {
  return (text) => {
    const reading = read(text);
    return 'fault' in reading ? reading.fault : undefined;
  };
}

function featureFault(text: string): string | undefined {
  const equals = text.indexOf('=');
  if (equals < 0 || parseGoBoolean(text.slice(equals + 1)) !== undefined) return undefined;
  return `strconv.ParseBool: parsing ${quoteText(text.slice(equals + 1))}: invalid syntax`;
}

const hostGatewayFault = (value: string): string | undefined => (isIP(value) === 0 ? `ParseAddr(${quoteText(value)}): unable to parse IP` : undefined);

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
  return name.trim().toLowerCase() === 'runc' ? "runtime name 'runc' is reserved" : undefined;
}

export const optionTable: readonly OptionRow[] = [
  row('add-runtime', 'pairs', 'Register an additional OCI compatible runtime (name=path)', { key: 'runtimes', placeholder: 'runtime', fault: runtimeFault }),
  row('allow-direct-routing', 'boolean', 'Allow remote access to published ports on container IP addresses'),
  without('allow-nondistributable-artifacts', 'list'),
  row('authorization-plugin', 'list', 'Authorization plugins to load; there are none: refused', { key: 'authorization-plugins' }),
  row('bip', 'text', 'IPv4 address for the default bridge, with its prefix length'),
  row('bip6', 'text', 'IPv6 address for the default bridge'),
  row('bridge', 'text', 'Network bridge of the default network; made if it does not exist', { shorthand: 'b' }),
  row('cdi-spec-dir', 'list', 'CDI specification directories to use (default /etc/cdi, /var/run/cdi)', { key: 'cdi-spec-dirs' }),
  row('cgroup-parent', 'text', 'Set parent cgroup for all containers'),
  row('config-file', 'text', 'Daemon configuration file (default "/etc/dhow/daemon.json")'),
  without('containerd', 'text'),
  without('containerd-namespace', 'text'),
  without('containerd-plugins-namespace', 'text'),
  row('cpu-rt-period', 'integer', 'CPU real-time period of the parent cgroup of all containers; refused'),
  row('cpu-rt-runtime', 'integer', 'CPU real-time runtime of the parent cgroup of all containers; refused'),
  without('cri-containerd', 'boolean'),
  row('data-root', 'text', 'Root directory of persistent state (default "/var/lib/dhow")'),
  row('debug', 'boolean', 'Enable debug mode', { shorthand: 'D' }),
  row('default-address-pool', 'list', 'Default address pools for networks (base=CIDR,size=N)', { key: 'default-address-pools', placeholder: 'pool-options', fault: faultOf(readAddressPool) }),
  row('default-cgroupns-mode', 'text', 'Default mode for containers cgroup namespace ("host"|"private") (default: by the version of cgroups)'),
  row('default-gateway', 'text', 'Default gateway IPv4 address for the default bridge network', { placeholder: 'ip', fault: addressFault }),
  row('default-gateway-v6', 'text', 'Default gateway IPv6 address for the default bridge network', { placeholder: 'ip', fault: addressFault }),
  row('default-ipc-mode', 'text', 'Default mode for containers ipc ("shareable"|"private") (default "private")'),
  row('default-network-opt', 'list', 'Default network options (driver=option=value)', { key: 'default-network-opts', placeholder: 'mapmap', fault: networkOptionFault }),
  row('default-runtime', 'text', 'Default OCI runtime for containers (default "runc": crun, else runc)'),
  row('default-shm-size', 'text', 'Default shm size for containers (default 64MiB)', { placeholder: 'bytes', fault: faultOf(readMemorySize) }),
  row('default-ulimit', 'list', 'Default ulimits for containers', { key: 'default-ulimits', placeholder: 'ulimit', fault: faultOf(readUlimit) }),
  row('dns', 'list', 'DNS server to use', {
    placeholder: 'ip',
    fault: (value) => (isIP(value) === 0 ? `invalid string being converted to IP address: ${value}` : undefined),
  }),
  row('dns-opt', 'list', 'DNS options to use', { key: 'dns-opts' }),
  row('dns-search', 'list', 'DNS search domains to use'),
  row('exec-opt', 'list', 'Runtime execution options (native.cgroupdriver=cgroupfs|systemd)', { key: 'exec-opts' }),
  row('exec-root', 'text', 'Root directory for execution state files (default "/run/dhow")'),
  row('experimental', 'boolean', 'Enable experimental features'),
  row('feature', 'list', 'Enable feature in the daemon', { key: 'features', placeholder: 'map', fault: featureFault }),
  row('fixed-cidr', 'text', 'IPv4 subnet for the default bridge network'),
  row('fixed-cidr-v6', 'text', 'IPv6 subnet for the default bridge network'),
  row('group', 'text', 'Group for the unix socket (default "docker")', { shorthand: 'G' }),
  row('host', 'list', 'Daemon socket(s) to listen on: unix://, tcp://, fd:// (default unix://<exec-root>/docker.sock)', { shorthand: 'H', key: 'hosts', fault: hostFault }),
  row('host-gateway-ip', 'list', "IP addresses that 'host-gateway' in --add-host resolves to (default: the default bridge's)", { key: 'host-gateway-ips', fault: hostGatewayFault }),
  row('http-proxy', 'text', 'HTTP proxy URL to use for outgoing traffic'),
  row('https-proxy', 'text', 'HTTPS proxy URL to use for outgoing traffic'),
  row('icc', 'boolean', 'Enable inter-container communication for the default bridge network (default true)'),
  row('init', 'boolean', 'Run an init in the container to forward signals and reap processes'),
  row('init-path', 'text', "Path to the init binary (default: the engine's own)"),
  row('insecure-registry', 'list', 'Enable insecure registry communication', { key: 'insecure-registries' }),
  row('ip', 'text', 'Host IP for port publishing from the default bridge network (default 0.0.0.0)', { placeholder: 'ip', fault: addressFault }),
  row('ip-forward', 'boolean', 'Enable IP forwarding in system configuration (default true)'),
  without('ip-forward-no-drop', 'boolean'),
  row('ip-masq', 'boolean', 'Enable IP masquerading for the default bridge network (default true)'),
  row('ip6tables', 'boolean', 'Enable firewall rules of IPv6 (default true)'),
  row('iptables', 'boolean', 'Enable firewall rules of IPv4 (default true); without them nothing is translated, and published ports are served by relays alone'),
  row('ipv6', 'boolean', 'Enable IPv6 networking for the default bridge network'),
  row('label', 'list', 'Set key=value labels to the daemon', { key: 'labels', fault: labelFault }),
  row('live-restore', 'boolean', 'Shown by info; containers outlive the daemon whatever it says'),
  row('log-driver', 'text', 'Default driver for container logs (default "json-file")'),
  row('log-format', 'text', 'Set the logging format ("text"|"json") (default "text")'),
  row('log-level', 'text', 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal") (default "info")', { shorthand: 'l' }),
  row('log-opt', 'pairs', 'Default log driver options for containers', { key: 'log-opts', fault: () => undefined }),
  row('max-concurrent-downloads', 'integer', 'Set the max concurrent downloads (default 3)'),
  row('max-concurrent-uploads', 'integer', 'Set the max concurrent uploads (default 5)'),
  row('max-download-attempts', 'integer', 'Set the max download attempts for each pull (default 5)'),
  row('metrics-addr', 'text', 'Set default address and port to serve the metrics api on'),
  row('mtu', 'integer', 'Set the MTU for the default "bridge" network (default 1500)'),
  without('network-control-plane-mtu', 'integer'),
  row('no-new-privileges', 'boolean', 'Set no-new-privileges by default for new containers'),
  row('no-proxy', 'text', 'Comma-separated list of hosts or IP addresses for which the proxy is skipped'),
  row('node-generic-resource', 'list', 'Advertise user-defined resource', { key: 'node-generic-resources' }),
  row('pidfile', 'text', 'Path to use for daemon PID file (default "<exec-root>/dhowd.pid")', { shorthand: 'p' }),
  row('publish-default', 'text', 'Host IP at which ports are published that name none, on every network (default: all)', { placeholder: 'ip', fault: addressFault }),
  row('raw-logs', 'boolean', 'Full timestamps without ANSI coloring, which is how they always are'),
  row('registry-mirror', 'list', 'Preferred Docker registry mirror', { key: 'registry-mirrors', fault: faultOf(readMirror) }),
  row('replace', 'boolean', 'Take over from the daemon that has the data root, its sockets and all, without a connection being refused', { key: undefined }),
  row('rootless', 'boolean', 'Enable rootless mode; refused'),
  row('seccomp-profile', 'text', 'Path to seccomp profile. Set to "unconfined" to disable the default seccomp profile (default "builtin")'),
  row('selinux-enabled', 'boolean', 'Enable selinux support; refused on hosts with SELinux'),
  row('shutdown-timeout', 'integer', 'Seconds the daemon waits for requests to end when it stops (default 15)'),
  row('storage-driver', 'text', 'Storage driver to use ("overlay2"|"fuse-overlayfs"|"vfs") (default: what the data root allows)', { shorthand: 's' }),
  row('storage-opt', 'list', 'Storage driver options', { key: 'storage-opts' }),
  without('swarm-default-advertise-addr', 'text'),
  row('tls', 'boolean', 'Use TLS; implied by --tlsverify'),
  row('tlscacert', 'text', 'Trust certs signed only by this CA (default "~/.docker/ca.pem")'),
  row('tlscert', 'text', 'Path to TLS certificate file (default "~/.docker/cert.pem")'),
  row('tlskey', 'text', 'Path to TLS key file (default "~/.docker/key.pem")'),
  row('tlsverify', 'boolean', 'Use TLS and verify the remote'),
  row('userland-proxy', 'boolean', 'Serve published ports, too, where the kernel does not translate addresses, such as at IPv6 ones (default true)'),
  without('userland-proxy-path', 'text'),
  row('userns-remap', 'text', 'User/Group setting for user namespaces'),
  row('validate', 'boolean', 'Validate daemon configuration and exit'),
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
