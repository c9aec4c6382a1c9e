/** Counters of the server in the text format of Prometheus (0.0.4). Labels are of small, fixed sets: no repository, no client. */

const buckets = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];
const prefix = 'dhow_registry';

export type CounterName = 'received_bytes' | 'sent_bytes' | 'upstream_bytes' | 'upstream_hits' | 'upstream_misses' | 'upstream_failures' | 'garbage_collections' | 'garbage_blobs' | 'garbage_bytes' | 'errors';

const counterHelp: Readonly<Record<CounterName, string>> = {
  received_bytes: 'Bytes of request bodies',
  sent_bytes: 'Bytes of answers',
  upstream_bytes: 'Bytes of blobs fetched from upstream registries',
  upstream_hits: 'Pulls of copies answered from the storage',
  upstream_misses: 'Pulls of copies that needed the upstream',
  upstream_failures: 'Requests to an upstream that failed',
  garbage_collections: 'Garbage collections that have ended',
  garbage_blobs: 'Blobs removed by garbage collection',
  garbage_bytes: 'Bytes of blobs removed by garbage collection',
  errors: 'Requests that failed for a reason of the server',
};

interface Series {
  readonly counts: number[];
  sum: number;
  total: number;
}

/** A figure read when it is asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: () => number;
}

export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Series>();
  readonly #counters = new Map<CounterName, number>();
  readonly #gauges: Gauge[] = [];

  /** `seconds` from the head of the request to the end of the answer. */
  request(labels: { method: string; route: string; status: number }, seconds: number): void {
    const key = `method="${labels.method}",route="${labels.route}",code="${labels.status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    const route = `method="${labels.method}",route="${labels.route}"`;
    const series = this.#durations.get(route) ?? { counts: buckets.map(() => 0), sum: 0, total: 0 };
    this.#durations.set(route, series);
    for (const [index, limit] of buckets.entries()) if (seconds <= limit) series.counts[index] = (series.counts[index] ?? 0) + 1;
    series.sum += seconds;
    series.total++;
  }

  add(name: CounterName, amount: number): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + amount);
  }

  gauge(gauge: Gauge): void {
    this.#gauges.push(gauge);
  }

  text(): string {
    const lines = [`# HELP ${prefix}_requests_total Requests answered`, `# TYPE ${prefix}_requests_total counter`];
    for (const [labels, count] of this.#requests) lines.push(`${prefix}_requests_total{${labels}} ${count}`);
    lines.push(`# HELP ${prefix}_request_duration_seconds Time from the head of a request to the end of its answer`, `# TYPE ${prefix}_request_duration_seconds histogram`);
    for (const [labels, series] of this.#durations) {
      for (const [index, limit] of buckets.entries()) lines.push(`${prefix}_request_duration_seconds_bucket{${labels},le="${limit}"} ${series.counts[index] ?? 0}`);
      lines.push(
        `${prefix}_request_duration_seconds_bucket{${labels},le="+Inf"} ${series.total}`,
        `${prefix}_request_duration_seconds_sum{${labels}} ${series.sum}`,
        `${prefix}_request_duration_seconds_count{${labels}} ${series.total}`,
      );
    }
    for (const [name, help] of Object.entries(counterHelp)) {
      lines.push(`# HELP ${prefix}_${name}_total ${help}`, `# TYPE ${prefix}_${name}_total counter`, `${prefix}_${name}_total ${this.#counters.get(name as CounterName) ?? 0}`);
    }
    for (const { name, help, value } of this.#gauges) lines.push(`# HELP ${prefix}_${name} ${help}`, `# TYPE ${prefix}_${name} gauge`, `${prefix}_${name} ${value()}`);
    return `${lines.join('\n')}\n`;
  }
}
