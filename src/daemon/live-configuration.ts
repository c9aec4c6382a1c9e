/**
 * The engine's configuration as it holds now, and its reload: what Docker lets a reload change is replaced all
 * at once, or, where something is wrong with it, not at all.
 */
import type { CurrentConfiguration, EngineConfiguration, OciRuntime } from '#engine/engine-configuration.ts';
import { proxySettings } from '#registry/proxy-settings.ts';
import { formatListenAddress } from '#api/connection/listen-address.ts';
import type { DaemonOptions } from './options.ts';

type Runtimes = Readonly<Record<string, OciRuntime>>;

export class LiveConfiguration implements CurrentConfiguration {
  #current: EngineConfiguration;
  #shutdownTimeout: number;

  constructor(options: DaemonOptions, runtimes: Runtimes, standardInit: string) {
    this.#current = configurationOf(options, runtimes, standardInit);
    this.#shutdownTimeout = options.shutdownTimeout;
  }

  get current(): EngineConfiguration {
    return this.#current;
  }

  /** Seconds. */
  get shutdownTimeout(): number {
    return this.#shutdownTimeout;
  }

  /** Takes over what may change while the daemon runs. @returns the attributes of Docker's `reload` event */
  reload(options: DaemonOptions, runtimes: Runtimes): Record<string, string> {
    const before = this.#current;
    const { inFile } = options;
    const next = configurationOf(options, runtimes, before.initPath);
    // What the file does not say any more stays as it was, but for what Docker resets.
    const whenSaid = <K extends keyof EngineConfiguration>(key: string, name: K): Pick<EngineConfiguration, K> => {
      const source = inFile.has(key) ? next : before;
      return { [name]: source[name] } as Pick<EngineConfiguration, K>;
    };
    this.#current = {
      ...before,
      concurrentDownloads: next.concurrentDownloads,
      concurrentUploads: next.concurrentUploads,
      downloadAttempts: next.downloadAttempts,
      features: next.features,
      ...whenSaid('debug', 'debug'),
      ...whenSaid('labels', 'labels'),
      ...whenSaid('live-restore', 'liveRestore'),
      ...whenSaid('runtimes', 'runtimes'),
      ...whenSaid('default-runtime', 'defaultRuntime'),
      ...whenSaid('default-shm-size', 'shmSize'),
      ...whenSaid('default-ipc-mode', 'ipcMode'),
      ...whenSaid('default-cgroupns-mode', 'cgroupnsMode'),
      ...whenSaid('insecure-registries', 'insecureRegistries'),
      ...whenSaid('registry-mirrors', 'registryMirrors'),
      ...whenSaid('registries', 'mirrorsOf'),
    };
    if (inFile.has('shutdown-timeout')) this.#shutdownTimeout = options.shutdownTimeout;
    return this.#attributes();
  }

  #attributes(): Record<string, string> {
    const now = this.#current;
    const runtimes = Object.entries(now.runtimes).map(([name, { program }]) => `${name}:${program}`);
    return {
      'allow-nondistributable-artifacts': '[]',
      debug: String(now.debug),
      'default-cgroupns-mode': now.cgroupnsMode ?? '',
      'default-ipc-mode': now.ipcMode,
      'default-runtime': now.defaultRuntime,
      'default-shm-size': String(now.shmSize),
      features: `map[${Object.entries(now.features).map(([name, on]) => `${name}:${on}`).sort().join(' ')}]`,
      'insecure-registries': JSON.stringify(now.insecureRegistries),
      labels: JSON.stringify(now.labels),
      'live-restore': String(now.liveRestore),
      'max-concurrent-downloads': String(now.concurrentDownloads),
      'max-concurrent-uploads': String(now.concurrentUploads),
      'max-download-attempts': String(now.downloadAttempts),
      'registry-mirrors': JSON.stringify(now.registryMirrors),
      runtimes: runtimes.join(' '),
      'shutdown-timeout': String(this.#shutdownTimeout),
    };
  }
}

function configurationOf(options: DaemonOptions, runtimes: Runtimes, standardInit: string): EngineConfiguration {
  const { http, https, none } = options.proxies;
  return {
    labels: options.labels,
    debug: options.debug,
    liveRestore: options.liveRestore,
    experimental: options.experimental,
    runtimes,
    defaultRuntime: options.defaultRuntime ?? 'runc',
    deviceDirectories: options.features['cdi'] === false ? [] : options.deviceDirectories,
    log: { driver: options.logDriver, options: options.logOptions },
    ulimits: options.ulimits,
    shmSize: options.shmSize,
    ipcMode: options.ipcMode,
    cgroupnsMode: options.cgroupnsMode,
    init: options.init,
    initPath: options.initPath ?? standardInit,
    noNewPrivileges: options.noNewPrivileges,
    seccomp: options.seccomp,
    hostGateway: options.hostGateways,
    dns: { servers: options.dns, search: options.dnsSearch, options: options.dnsOptions },
    addressPools: options.addressPools,
    networkOptions: options.networkOptions,
    insecureRegistries: options.insecureRegistries,
    registryMirrors: options.registryMirrors,
    mirrorsOf: options.mirrorsOf,
    concurrentDownloads: options.concurrentDownloads,
    concurrentUploads: options.concurrentUploads,
    downloadAttempts: options.downloadAttempts,
    proxies: proxySettings({ ...(http !== undefined && { http }), ...(https !== undefined && { https }), ...(none !== undefined && { none }) }, process.env),
    features: options.features,
    cacheCollection: options.cacheCollection,
    genericResources: options.genericResources,
    openAddresses: openAddressesOf(options),
  };
}

/** TCP addresses at which nobody is asked who they are. */
function openAddressesOf({ hosts, tls }: DaemonOptions): { address: string; encrypted: boolean }[] {
  if (tls?.clientAuthority !== undefined) return [];
  return hosts.filter((host) => host.kind === 'tcp').map((host) => ({ address: formatListenAddress(host).slice('tcp://'.length), encrypted: tls !== undefined }));
}

