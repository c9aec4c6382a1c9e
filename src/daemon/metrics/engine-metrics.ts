/** What `metrics-addr` serves: Docker's names for what this engine has too, and the usual ones about its process. */
import { arch, cpus, release, totalmem } from 'node:os';
import type { ServedRequest } from '#api/api-server.ts';
import type { Engine } from '#engine/contract.ts';
import { openDescriptors } from '#kernel/process-descriptors.ts';
import { Durations, renderMetrics, type Metric } from './prometheus-text.ts';

export interface MetricsSources {
  readonly engine: Engine;
  readonly engineId: string;
  readonly storageDriver: string;
  readonly events: { readonly published: number; readonly listenerCount: number };
  readonly health: { readonly probes: number; readonly failedProbes: number };
}

/** Requests by method and route, and what Docker calls them. */
const actions: Readonly<Record<string, readonly [kind: 'container' | 'image' | 'network', action: string]>> = {
  'POST /containers/create': ['container', 'create'],
  'POST /containers/{name}/start': ['container', 'start'],
  'DELETE /containers/{name}': ['container', 'delete'],
  'GET /containers/{name}/changes': ['container', 'changes'],
  'POST /commit': ['container', 'commit'],
  'POST /images/create': ['image', 'pull'],
  'POST /images/load': ['image', 'load'],
  'POST /images/{name}/push': ['image', 'push'],
  'POST /images/{name}/tag': ['image', 'tag'],
  'DELETE /images/{name}': ['image', 'delete'],
  'POST /networks/create': ['network', 'create'],
  'POST /networks/{name}/connect': ['network', 'connect'],
  'POST /networks/{name}/disconnect': ['network', 'disconnect'],
  'DELETE /networks/{name}': ['network', 'delete'],
};

export class EngineMetrics {
  readonly #durations = {
    container: new Durations('action', ['changes', 'commit', 'create', 'delete', 'start']),
    image: new Durations('action', []),
    network: new Durations('action', []),
  };
  readonly #builds = { triggered: 0, failed: 0 };
  readonly #sources: MetricsSources;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
  }

  /** Counts a request that was served. */
  note({ method, route, seconds, failed }: ServedRequest): void {
    const key = `${method} ${route}`;
    if (key === 'POST /build') {
      this.#builds.triggered++;
      if (failed) this.#builds.failed++;
    }
    const action = failed ? undefined : actions[key];
    if (action !== undefined) this.#durations[action[0]].observe(action[1], seconds);
  }

  /** In the text format. */
  async text(): Promise<string> {
    const info: Readonly<Record<string, unknown>> = { ...(await this.#sources.engine.system.info()) };
    return renderMetrics([...this.#engineMetrics(info), ...processMetrics()]);
  }

  #engineMetrics(info: Readonly<Record<string, unknown>>): Metric[] {
    const { engine, engineId, storageDriver, events, health } = this.#sources;
    const states = { paused: info['ContainersPaused'], running: info['ContainersRunning'], stopped: info['ContainersStopped'] };
    const durations = (kind: 'container' | 'image' | 'network'): Metric => ({
      name: `engine_daemon_${kind}_actions_seconds`, type: 'histogram', help: `The number of seconds it takes to process each ${kind} action`, samples: this.#durations[kind].samples(),
    });
    const single = (name: string, type: 'counter' | 'gauge', help: string, value: number): Metric => ({ name, type, help, samples: [{ value }] });
    return [
      single('builder_builds_failed_total', 'counter', 'Number of failed image builds', this.#builds.failed),
      single('builder_builds_triggered_total', 'counter', 'Number of triggered image builds', this.#builds.triggered),
      durations('container'),
      {
        name: 'engine_daemon_container_states_containers', type: 'gauge', help: 'The count of containers in various states',
        samples: Object.entries(states).map(([state, value]) => ({ labels: { state }, value: Number(value) })),
      },
      single('engine_daemon_engine_cpus_cpus', 'gauge', 'The number of cpus that the host system of the engine has', cpus().length),
      {
        name: 'engine_daemon_engine_info', type: 'gauge', help: 'The information related to the engine and the OS it is running on',
        samples: [{
          value: 1,
          labels: {
            architecture: arch() === 'x64' ? 'x86_64' : arch(), commit: '', daemon_id: engineId, graphdriver: storageDriver, kernel: release(),
            os: String(info['OperatingSystem']), os_type: 'linux', os_version: String(info['OSVersion']), version: engine.system.version.engine,
          },
        }],
      },
      single('engine_daemon_engine_memory_bytes', 'gauge', 'The number of bytes of memory that the host system of the engine has', totalmem()),
      single('engine_daemon_events_subscribers_total', 'gauge', 'The number of current subscribers to events', events.listenerCount),
      single('engine_daemon_events_total', 'counter', 'The number of events logged', events.published),
      single('engine_daemon_health_checks_failed_total', 'counter', 'The total number of failed health checks', health.failedProbes),
      single('engine_daemon_health_checks_total', 'counter', 'The total number of health checks', health.probes),
      durations('image'),
      durations('network'),
    ];
  }
}

function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  const gauge = (name: string, help: string, value: number): Metric => ({ name, type: 'gauge', help, samples: [{ value }] });
  return [
    { name: 'process_cpu_seconds_total', type: 'counter', help: 'Total user and system CPU time spent in seconds.', samples: [{ value: (user + system) / 1e6 }] },
    gauge('process_open_fds', 'Number of open file descriptors.', openDescriptors()),
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', rss),
    gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', performance.timeOrigin / 1000),
    gauge('nodejs_heap_size_used_bytes', 'Process heap size used from Node.js in bytes.', heapUsed),
    gauge('nodejs_heap_size_total_bytes', 'Process heap size from Node.js in bytes.', heapTotal),
  ];
}
