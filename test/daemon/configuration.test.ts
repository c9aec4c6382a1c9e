import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const directory = mkdtempSync('/tmp/dhow-configuration-');
after(() => rmSync(directory, { recursive: true, force: true }));

function write(content: object | string): string {
  const path = join(directory, 'daemon.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('what daemon.json says must hold for containers and networks that say nothing themselves', async (t) => {
  const profile = join(directory, 'profile.json');
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }] }));
  const path = write({
    'default-ulimits': { nofile: { Name: 'nofile', Soft: 111, Hard: 222 } },
    'default-shm-size': '8m',
    'default-ipc-mode': 'shareable',
    'no-new-privileges': true,
    'seccomp-profile': profile,
    init: true,
    'log-driver': 'local',
    'log-opts': { 'max-size': '3m' },
    'host-gateway-ips': ['10.1.2.3'],
    dns: ['192.0.2.53'],
    runtimes: { checked: { path: '/usr/bin/crun', runtimeArgs: ['--debug'] } },
    bip: '10.213.7.1/24',
    'fixed-cidr': '10.213.7.128/25',
    mtu: 1400,
    icc: false,
    'default-address-pools': [{ base: '10.214.0.0/16', size: 24 }],
    'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1300' } },
    labels: ['place=here'],
    experimental: true,
    features: { buildkit: false },
    'registry-mirrors': ['http://127.0.0.1:1'],
    'insecure-registries': ['10.9.0.0/16', 'registry.example:5000'],
    proxies: { 'http-proxy': 'http://user:secret@proxy.example:3128', 'no-proxy': 'localhost' },
  });
  await using daemon = await TestDaemon.start({ arguments: ['--config-file', path] });
  const { client } = daemon;

  await t.test('limits, memory, init, privileges, seccomp, hosts and servers', async () => {
    const script = 'ulimit -Sn; ulimit -Hn; df -k /dev/shm | tail -1 | awk "{print \\$2}"; cat /proc/1/comm; grep NoNewPrivs /proc/self/status; mkdir /x 2>&1; grep gate /etc/hosts; grep nameserver /etc/resolv.conf; cat /sys/class/net/eth0/mtu; hostname -i';
    const { output } = await daemon.run(['sh', '-c', script], { ExtraHosts: ['gate:host-gateway'] });
    const [soft, hard, shared, first, privileges, refused, gate, server, mtu, address = ''] = output.trim().split('\n');
    assert.deepEqual([soft, hard, shared, gate, server, mtu], ['111', '222', '8192', '10.1.2.3\tgate', 'nameserver 192.0.2.53', '1400']);
    assert.match(first ?? '', /init/);
    assert.match(privileges ?? '', /\t1$/);
    assert.match(refused ?? '', /Operation not permitted/);
    assert.ok(Number(address.trim().split('.').at(-1)) >= 128, `${address} is of the fixed range`);
  });

  await t.test('unless they do', async () => {
    const { output } = await daemon.run(['sh', '-c', 'ulimit -Hn; cat /proc/1/comm; mkdir /x && echo made; grep NoNewPrivs /proc/self/status'], {
      Ulimits: [{ Name: 'nofile', Soft: 50, Hard: 60 }], Init: false, SecurityOpt: ['seccomp=unconfined', 'no-new-privileges=false'],
    });
    assert.equal(output, '60\nsh\nmade\nNoNewPrivs:\t0\n');
  });

  await t.test('what inspect shows of it', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox' });
    const { HostConfig } = await client.containers.inspect(Id);
    assert.deepEqual([HostConfig.LogConfig, HostConfig.ShmSize, HostConfig.IpcMode, HostConfig.Ulimits], [{ Type: 'local', Config: { 'max-size': '3m' } }, 8 * 1024 * 1024, 'shareable', null]);
    const other = await client.containers.create({ Image: 'busybox', HostConfig: { LogConfig: { Type: 'json-file', Config: {} } } });
    assert.deepEqual((await client.containers.inspect(other.Id)).HostConfig.LogConfig, { Type: 'json-file', Config: {} });
  });

  await t.test('a runtime with arguments', async () => {
    assert.equal((await daemon.run(['echo', 'ran'], { Runtime: 'checked' })).output.trim(), 'ran');
  });

  await t.test('networks', async () => {
    const bridge = await client.networks.inspect('bridge');
    assert.deepEqual(bridge.IPAM.Config, [{ Subnet: '10.213.7.0/24', IPRange: '10.213.7.128/25', Gateway: '10.213.7.1' }]);
    assert.equal(bridge.Options['com.docker.network.bridge.enable_icc'], 'false');
    const { Id } = await client.networks.create({ Name: 'further' });
    const further = await client.networks.inspect(Id);
    assert.match(further.IPAM.Config?.[0]?.Subnet ?? '', /^10\.214\.\d+\.0\/24$/);
    assert.deepEqual(further.Options, { 'com.docker.network.driver.mtu': '1300' });
  });

  await t.test('what clients are offered', async () => {
    const { builderVersion, experimental } = await client.system.ping();
    assert.deepEqual([builderVersion, experimental], ['1', true]);
  });

  await t.test('info', async () => {
    const info = await client.system.info();
    assert.deepEqual(
      [info['Labels'], info['LoggingDriver'], info['ExperimentalBuild'], info['HttpProxy'], info['NoProxy'], info['DefaultAddressPools'], info['Warnings']],
      [['place=here'], 'local', true, 'http://xxxxx:xxxxx@proxy.example:3128', 'localhost', [{ Base: '10.214.0.0/16', Size: 24 }], ['WARNING: daemon is not using the default seccomp profile']],
    );
    assert.deepEqual(info['RegistryConfig'], {
      IndexConfigs: {
        'registry.example:5000': { Mirrors: [], Name: 'registry.example:5000', Official: false, Secure: false },
        'docker.io': { Mirrors: ['http://127.0.0.1:1/'], Name: 'docker.io', Official: true, Secure: true },
      },
      InsecureRegistryCIDRs: ['10.9.0.0/16', '::1/128', '127.0.0.0/8'],
      Mirrors: ['http://127.0.0.1:1/'],
    });
    assert.ok((info['SecurityOptions'] as string[]).includes(`name=seccomp,profile=${profile}`));
  });
});

test('SIGHUP must bring a changed file to hold, with an event, and a bad one to nothing', async (t) => {
  const path = write({ labels: ['one=1'], 'default-shm-size': '8m', 'registry-mirrors': ['https://a.example'] });
  await using daemon = await TestDaemon.start({ arguments: ['--config-file', path] });
  const { client } = daemon;
  const reloaded = async (): Promise<Record<string, string>> => {
    const ending = new AbortController();
    const events = await client.system.events({ filters: { type: ['daemon'], event: ['reload'] }, signal: ending.signal });
    process.kill(daemon.pid, 'SIGHUP');
    for await (const event of events) {
      ending.abort();
      return event.Actor.Attributes;
    }
    assert.fail('there was no event');
  };

  await t.test('a changed file', async () => {
    write({ labels: ['two=2'], debug: true, 'default-shm-size': '16m', 'max-concurrent-downloads': 7, 'registry-mirrors': ['https://b.example'], features: { buildkit: true }, runtimes: { more: { path: '/usr/bin/crun' } }, bip: '10.1.1.1/24' });
    const { name, runtimes, ...attributes } = await reloaded();
    assert.ok(name !== undefined && name !== '');
    assert.match(runtimes ?? '', /more:\/usr\/bin\/crun/);
    assert.deepEqual(attributes, {
      'allow-nondistributable-artifacts': '[]', debug: 'true', 'default-cgroupns-mode': '', 'default-ipc-mode': 'private', 'default-runtime': 'runc', 'default-shm-size': '16777216',
      features: 'map[buildkit:true]', 'insecure-registries': '[]', labels: '["two=2"]', 'live-restore': 'false', 'max-concurrent-downloads': '7', 'max-concurrent-uploads': '5',
      'max-download-attempts': '5', 'registry-mirrors': '["https://b.example/"]', 'shutdown-timeout': '15',
    });
    const info = await client.system.info();
    assert.deepEqual([info['Labels'], info['Debug']], [['two=2'], true]);
    assert.equal((await daemon.run(['sh', '-c', 'df -k /dev/shm | tail -1 | awk "{print \\$2}"'])).output, '16384\n');
    assert.equal((await daemon.run(['echo', 'ran'], { Runtime: 'more' })).output, 'ran\n');
  });

  await t.test('a half-written one', async () => {
    write('{"labels": ["three=3"], "debu');
    process.kill(daemon.pid, 'SIGHUP');
    await eventually('the log says so', async () => assert.match(daemon.log, /the configuration was not reloaded, what held before holds on: unable to configure the Docker daemon with file .*: invalid JSON: unexpected end of JSON input/));
    assert.deepEqual((await client.system.info())['Labels'], ['two=2']);
  });

  await t.test('what the file says no more stays, but for what Docker resets', async () => {
    write({});
    const attributes = await reloaded();
    assert.deepEqual([attributes['labels'], attributes['debug'], attributes['max-concurrent-downloads'], attributes['features']], ['["two=2"]', 'true', '3', 'map[]']);
  });
});
