import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { readDaemonCommand, type DaemonOptions } from './options.ts';

const directory = mkdtempSync(join(tmpdir(), 'dhow-options-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const path = join(directory, 'daemon.json');

/** Options of a command line and the content of a configuration file. */
function read(content: string, ...args: readonly string[]): DaemonOptions {
  writeFileSync(path, content);
  const command = readDaemonCommand(['--config-file', path, ...args]);
  assert.equal(command.kind, 'run');
  return command.kind === 'run' ? command.options : assert.fail();
}

test('without options the daemon must have the documented defaults', () => {
  const options = read('');
  assert.deepEqual(options, {
    hosts: [{ kind: 'unix', path: '/run/dhow/docker.sock' }],
    dataRoot: '/var/lib/dhow',
    execRoot: '/run/dhow',
    pidFile: '/run/dhow/dhowd.pid',
    bridge: undefined,
    tls: undefined,
    network: {
      bip: undefined, fixedRange: undefined, defaultGateway: undefined, six: false, bip6: undefined, fixedRange6: undefined, defaultGateway6: undefined, mtu: undefined, betweenContainers: true,
      masquerade: true, hostAddress: undefined, publishDefault: undefined, pools: undefined, forwarding: true, firewall: [4, 6], directRouting: false, relays: true,
    },
    networkOptions: {},
    addressPools: [],
    storageDriver: undefined, layerSize: undefined, usernsRemap: undefined,
    defaultRuntime: undefined,
    cgroupParent: undefined,
    cgroupDriver: 'cgroupfs',
    deviceDirectories: ['/etc/cdi', '/var/run/cdi'],
    runtimes: {},
    group: undefined,
    labels: [],
    dns: [],
    dnsOptions: [],
    dnsSearch: [],
    hostGateways: [],
    insecureRegistries: [],
    registryMirrors: [],
    mirrorsOf: {},
    concurrentDownloads: 3,
    concurrentUploads: 5,
    downloadAttempts: 5,
    proxies: { http: undefined, https: undefined, none: undefined },
    logDriver: 'json-file',
    logOptions: {},
    ulimits: [],
    shmSize: 64 * 1024 * 1024,
    ipcMode: 'private',
    cgroupnsMode: undefined,
    init: false,
    initPath: undefined,
    noNewPrivileges: false,
    seccomp: { name: 'builtin', text: undefined },
    experimental: false,
    features: {},
    cacheCollection: { enabled: true, reservedSpace: '', maxUsedSpace: '', minFreeSpace: '', rules: undefined },
    genericResources: [],
    metricsAddress: undefined,
    replace: false,
    inFile: new Set(),
    liveRestore: false,
    debug: false,
    logLevel: 'info',
    logFormat: 'text',
    shutdownTimeout: 15,
    warnings: [],
  });
});

test('another exec root must move what lies in it', () => {
  const options = read('', '--exec-root', '/x/y');
  assert.deepEqual([options.hosts, options.pidFile], [[{ kind: 'unix', path: '/x/y/docker.sock' }], '/x/y/dhowd.pid']);
});

test('flags must be read in every form pflag has', () => {
  const options = read('', '-H', 'unix:///a', '-Htcp://127.0.0.1:5', '--host=unix:///b', '-D', '-bbr9', '-p=/p', '--bip', '10.1.0.1/24', '-G', '', '-s', 'vfs', '--label', 'a=b', '--label=c=d', '--live-restore=false', '--add-runtime', 'Fast=/usr/bin/fast', '--dns', '1.1.1.1', '--dns', '::1');
  assert.deepEqual(options.hosts, [{ kind: 'unix', path: '/a' }, { kind: 'tcp', host: '127.0.0.1', port: 5 }, { kind: 'unix', path: '/b' }]);
  assert.deepEqual(
    [options.debug, options.logLevel, options.bridge, options.pidFile, options.network.bip, options.group, options.storageDriver, options.labels, options.liveRestore, options.runtimes, options.dns],
    [true, 'debug', 'br9', '/p', '10.1.0.1/24', undefined, 'vfs', ['a=b', 'c=d'], false, { fast: { path: '/usr/bin/fast', arguments: [] } }, ['1.1.1.1', '::1']],
  );
});

test('a configuration file must do as flags do', () => {
  const options = read(
    JSON.stringify({
      hosts: ['unix:///a', 'unix:///a'], 'data-root': '/d', debug: true, 'log-format': 'json', labels: ['a=b'], 'dns-opts': ['ndots:1'], 'insecure-registries': ['x:5'],
      runtimes: { fast: { path: '/f', runtimeArgs: ['--x'] } }, 'shutdown-timeout': 3, 'default-runtime': 'fast', 'dns-search': null,
    }),
    '--add-runtime', 'other=/o',
  );
  assert.deepEqual(
    [options.hosts, options.dataRoot, options.debug, options.logFormat, options.labels, options.dnsOptions, options.insecureRegistries, options.shutdownTimeout, options.defaultRuntime],
    [[{ kind: 'unix', path: '/a' }], '/d', true, 'json', ['a=b'], ['ndots:1'], ['x:5'], 3, 'fast'],
  );
  assert.deepEqual(options.runtimes, { fast: { path: '/f', arguments: ['--x'] }, other: { path: '/o', arguments: [] } });
});

test('Docker’s options without effect here must be taken and named', () => {
  const options = read('{"ip-forward-no-drop":true}', '--containerd=/run/containerd/containerd.sock');
  assert.deepEqual(
    options.warnings.map((warning) => warning.split(' ')[1]),
    ['containerd', 'ip-forward-no-drop'],
  );
});

const refusedFiles: readonly (readonly [string, readonly string[], string])[] = [
  ['{"bogus":1,"other":2}', [], "the following directives don't match any configuration option: bogus, other"],
  ['{"Debug":true}', [], "the following directives don't match any configuration option: Debug"],
  ['{"b":"x"}', [], "the following directives don't match any configuration option: b"],
  ['{"proxies":{"http-proxy":"x","foo":1}}', [], "the following directives don't match any configuration option: foo"],
  ['{"debug":true}', ['-D'], 'the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: true)'],
  ['{"labels":["a=b"]}', ['--label', 'c=d'], 'the following directives are specified both as a flag and in the configuration file: labels: (from flag: [c=d], from file: [a=b])'],
  ['{"hosts":["unix:///x"]}', ['-H', 'unix:///y'], 'the following directives are specified both as a flag and in the configuration file: hosts: (from flag: [unix:///y], from file: [unix:///x])'],
  ['{', [], 'invalid JSON: unexpected end of JSON input'],
  ['[]', [], 'invalid JSON: json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ['{"debug":"true"}', [], 'invalid JSON: json: cannot unmarshal string into Go struct field Config.debug of type bool'],
  ['{"data-root":5}', [], 'invalid JSON: json: cannot unmarshal number into Go struct field Config.data-root of type string'],
  ['{"labels":"x"}', [], 'invalid JSON: json: cannot unmarshal string into Go struct field Config.labels of type []string'],
  ['{"shutdown-timeout":"x"}', [], 'invalid JSON: json: cannot unmarshal string into Go struct field Config.shutdown-timeout of type int'],
  ['{"log-opts":{"a":1}}', [], 'invalid JSON: json: cannot unmarshal number into Go struct field Config.log-opts.a of type string'],
  ['{"hosts":["foo://x"]}', [], "merged configuration validation from file and command line flags failed: invalid bind address (foo://x): unsupported proto 'foo'"],
  ['{"log-level":"bogus"}', [], 'merged configuration validation from file and command line flags failed: invalid logging level: bogus'],
  ['{"log-format":"x"}', [], 'merged configuration validation from file and command line flags failed: invalid log format: x'],
  ['{"labels":["x"]}', [], 'merged configuration validation from file and command line flags failed: bad attribute format: x'],
];

for (const [content, args, reason] of refusedFiles) {
  test(`configuration ${content} ${args.join(' ')} must be refused in dockerd’s words`, () => {
    assert.throws(() => read(content, ...args), { message: `unable to configure the Docker daemon with file ${path}: ${reason}` });
  });
}

test('a configuration file that is named must be there', () => {
  assert.throws(() => readDaemonCommand(['--config-file', '/none']), { message: 'unable to configure the Docker daemon with file /none: open /none: no such file or directory' });
});

test('labels that contradict each other must be refused, equal ones joined', () => {
  assert.throws(() => read('{"labels":["a=1","a=2"]}'), { message: 'conflict labels for a=2 and a=1' });
  assert.deepEqual(read('{"labels":["a=1","a=1"]}').labels, ['a=1']);
});

const mergedFailure = 'merged configuration validation from file and command line flags failed: ';
for (const [content, reason] of [
  ['{"mtu":-1}', `${mergedFailure}invalid default MTU: -1`],
  ['{"default-gateway":"x"}', 'invalid JSON: invalid IP address: x'],
  ['{"default-address-pools":[{"base":"x","size":24}]}', `invalid JSON: netip.ParsePrefix("x"): no '/'`],
  ['{"default-address-pools":"x"}', 'invalid JSON: json: cannot unmarshal string into Go value of type []*ipamutils.NetworkToSplit'],
  ['{"default-ulimits":{"nofile":"x"}}', 'invalid JSON: json: cannot unmarshal string into Go struct field Config.default-ulimits.nofile of type units.Ulimit'],
  ['{"exec-opts":["foo=bar"]}', `${mergedFailure}invalid exec-opt (foo=bar): unknown option: 'foo'`],
  ['{"registry-mirrors":["http://u:p@x"]}', `${mergedFailure}invalid mirror: username/password not allowed in URI "http://u:xxxxx@x"`],
  ['{"dns-search":["-x-"]}', `${mergedFailure}-x- is not a valid domain`],
  ['{"max-concurrent-downloads":-1}', `${mergedFailure}invalid max concurrent downloads: -1`],
  ['{"default-shm-size":"x"}', "invalid JSON: invalid size: 'x'"],
  ['{"default-shm-size":67108864}', 'invalid JSON: invalid size: "67108864"'],
  ['{"default-ipc-mode":"host"}', `${mergedFailure}IPC mode "host" is not supported as default value; use "shareable" or "private"`],
  ['{"default-cgroupns-mode":"x"}', `${mergedFailure}invalid default cgroup namespace (x): use "host" or "private"`],
  ['{"features":{"a":1}}', 'invalid JSON: json: cannot unmarshal number into Go struct field Config.features.a of type bool'],
  ['{"host-gateway-ip":"1.1.1.1","host-gateway-ips":["1.1.1.1"]}', 'host-gateway-ip and host-gateway-ips must not both be specified in the config file'],
  ['{"debug":true', 'invalid JSON: unexpected end of JSON input'],
  ['{"oom-score-adjust":-500}', "the following directives don't match any configuration option: oom-score-adjust"],
] as const) {
  test(`configuration ${content} must be refused as dockerd does`, () => {
    assert.throws(() => read(content), { message: `unable to configure the Docker daemon with file ${path}: ${reason}` });
  });
}

const refusedArguments: readonly (readonly [readonly string[], string])[] = [
  [['--bogus'], 'unknown flag: --bogus'],
  [['-zz'], "unknown shorthand flag: 'z' in -zz"],
  [['-b'], "flag needs an argument: 'b' in -b"],
  [['--bip'], 'flag needs an argument: --bip'],
  [['--debug=x'], 'invalid argument "x" for "-D, --debug" flag: strconv.ParseBool: parsing "x": invalid syntax'],
  [['--mtu', 'x'], 'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  [['--label', 'x'], 'invalid argument "x" for "--label" flag: bad attribute format: x'],
  [['--default-ulimit', 'nofile=20:10'], 'invalid argument "nofile=20:10" for "--default-ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 20 > 10'],
  [['--default-address-pool', 'x'], `invalid argument "x" for "--default-address-pool" flag: invalid field 'x' must be a key=value pair`],
  [['--add-runtime', 'runc=/y'], `invalid argument "runc=/y" for "--add-runtime" flag: runtime name 'runc' is reserved`],
  [['--dns', 'x'], 'invalid argument "x" for "--dns" flag: invalid string being converted to IP address: x'],
  [['--add-runtime', 'x'], 'invalid argument "x" for "--add-runtime" flag: invalid runtime argument: x'],
  [['-H', 'foo://x'], `invalid argument "foo://x" for "-H, --host" flag: invalid bind address (foo://x): unsupported proto 'foo'`],
  [['foo'], '"dhowd" accepts no arguments.'],
];

for (const [args, message] of refusedArguments) {
  test(`dhowd ${args.join(' ')} must be refused in pflag’s words`, () => {
    assert.throws(() => readDaemonCommand(args), { message: `${message}\nSee 'dhowd --help'.` });
  });
}

test('TLS without its files must be refused in dockerd’s words', () => {
  const message = 'invalid TLS configuration: Could not load X509 key pair (cert: "/none/c", key: "/none/k"): open /none/c: no such file or directory';
  for (const flag of ['--tls', '--tlsverify', '--tlsverify=false']) assert.throws(() => read('', flag, '--tlscert', '/none/c', '--tlskey', '/none/k'), { message });
});

test('what the file says of containers and networks must be read, in both forms', () => {
  const file = read(JSON.stringify({
    'default-ulimits': { nofile: { Name: 'nofile', Hard: 200, Soft: 100 } }, 'log-driver': 'local', 'log-opts': { 'max-size': '1m' }, 'default-shm-size': '32m', init: true,
    'default-address-pools': [{ base: '10.9.0.0/16', size: 24 }], 'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1400' } }, icc: false, ip: '127.0.0.1',
    mtu: 1400, features: { buildkit: true }, 'registry-mirrors': ['https://mirror.example'], 'default-cgroupns-mode': 'private', 'host-gateway-ip': '10.0.0.1', proxies: { 'http-proxy': 'http://proxy:1' },
  }));
  const flags = read(
    '', '--default-ulimit', 'nofile=100:200', '--log-driver=local', '--log-opt', 'max-size=1m', '--default-shm-size', '32m', '--init', '--default-address-pool', 'base=10.9.0.0/16,size=24',
    '--default-network-opt', 'bridge=com.docker.network.driver.mtu=1400', '--icc=false', '--ip', '127.0.0.1', '--mtu', '1400', '--feature', 'buildkit', '--registry-mirror', 'https://mirror.example',
    '--default-cgroupns-mode', 'private', '--host-gateway-ip', '10.0.0.1', '--http-proxy', 'http://proxy:1',
  );
  assert.deepEqual({ ...file, inFile: new Set() }, flags);
  assert.deepEqual(file.ulimits, [{ Name: 'nofile', Hard: 200, Soft: 100 }]);
  assert.deepEqual([file.logDriver, file.logOptions, file.shmSize, file.init], ['local', { 'max-size': '1m' }, 32 * 1024 * 1024, true]);
  assert.deepEqual([file.network.pools, file.network.betweenContainers, file.network.hostAddress, file.network.mtu], [[{ base: '10.9.0.0/16', prefixLength: 24 }], false, '127.0.0.1', 1400]);
  assert.deepEqual([file.networkOptions, file.features, file.registryMirrors], [{ bridge: { 'com.docker.network.driver.mtu': '1400' } }, { buildkit: true }, ['https://mirror.example/']]);
});

test('mirrors of a registry must be read from the file by the registry’s name', () => {
  const options = read('{"registries":{"ghcr.io":{"mirrors":["https://mirror.example/ghcr","http://10.0.0.1:5000"]},"r.example:5000":{}}}');
  assert.deepEqual(options.mirrorsOf, { 'ghcr.io': ['https://mirror.example/ghcr/', 'http://10.0.0.1:5000/'], 'r.example:5000': [] });
  assert.throws(() => read('{"registries":{"a/b":{"mirrors":[]}}}'), /invalid registry "a\/b" in registries/);
  assert.throws(() => read('{"registries":{"a.example":{"mirrors":["mirror.example"]}}}'), /invalid mirror: no scheme specified for "mirror.example"/);
});

test('a program for the userland proxy that could not be run must be refused in dockerd’s words, as far as there is to be one', () => {
  const refused = [['rel', 'must be an absolute path: rel'], ['/none/x', 'exec: "/none/x": stat /none/x: no such file or directory'], ['/tmp', 'exec: "/tmp": is a directory'], ['/etc/passwd', 'exec: "/etc/passwd": permission denied']] as const;
  for (const [program, reason] of refused) {
    const content = { 'userland-proxy-path': program };
    assert.throws(() => read(JSON.stringify(content)), { message: `unable to configure the Docker daemon with file ${path}: merged configuration validation from file and command line flags failed: invalid userland-proxy-path: ${reason}` }, program);
    assert.equal(read(JSON.stringify({ ...content, 'userland-proxy': false })).network.relays, false);
  }
  assert.deepEqual(read('{"userland-proxy-path":"/bin/sh"}').warnings, ['option userland-proxy-path is known but has no effect in this engine']);
});

test('the firewall must be had for each family by itself', () => {
  assert.deepEqual([{ iptables: false }, { ip6tables: false }, { iptables: false, ip6tables: false }].map((file) => read(JSON.stringify(file)).network.firewall), [[6], [4], []]);
  assert.deepEqual([read('{"iptables":false,"ip6tables":false,"allow-direct-routing":true}').warnings, read('', '--allow-direct-routing').network.directRouting], [[], true]);
});

test('what this engine cannot do must be refused with the reason', () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['{"iptables":false,"icc":false}', /^You specified --iptables=false with --icc=false\. ICC=false uses iptables to function\. Please set --icc or --iptables to true$/], ['{"authorization-plugins":["x"]}', /has no plugins/], ['{"rootless":true}', /run as root/],
    ['{"exec-opts":["native.cgroupdriver=bogus"]}', /^native.cgroupdriver option bogus not supported$/], ['{"storage-opts":["overlay2.size=big"]}', /initializing graphdriver: invalid size: 'big'/],
    ['{"log-driver":"bogus"}', /^failed to set log opts: .*bogus/], ['{"log-opts":{"bogus":"1"}}', /^failed to set log opts: unknown log opt 'bogus' for json-file log driver$/],
    ['{"bip":"bad"}', /invalid bridge address bad/], ['{"default-runtime":"foo"}', /^specified default runtime 'foo' does not exist$/], ['{"runtimes":{"runc":{"path":"/x"}}}', /runtime name 'runc' is reserved/],
    ['{"seccomp-profile":"/none"}', /opening seccomp profile \(\/none\) failed: open \/none: no such file or directory/], ['{"default-address-pools":[{"base":"10.0.0.0/8","size":99}]}', /from 8 to 30/],
  ];
  for (const [content, reason] of refused) assert.throws(() => read(content), { message: reason }, content);
});

test('help, version and validate must be told apart from running', () => {
  const help = readDaemonCommand(['-D', '--help', '--bogus']);
  assert.ok(help.kind === 'help');
  for (const flag of ['-H, --host list', '--data-root string', '-v, --version', '-D, --debug  ']) assert.ok(help.text.includes(flag), flag);
  assert.equal(readDaemonCommand(['-v']).kind, 'version');
  writeFileSync(path, '{"debug":true}');
  assert.equal(readDaemonCommand(['--validate', '--config-file', path]).kind, 'validate');
});
