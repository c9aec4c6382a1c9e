/** Metrics in the text format of Prometheus, version 0.0.4. */

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
  /** Behind the metric's name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
}

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly Sample[];
}

/** Upper bounds in seconds, the usual ones. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export function renderMetrics(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((sample) => line(name, sample))].join('\n'))
    .map((text) => `${text}\n`)
    .join('');
}

function line(name: string, { labels = {}, value, suffix = '' }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`);
  return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${String(value)}`;
}

/** How long something takes, by one label. */
export class Durations {
  readonly #label: string;
  readonly #series = new Map<string, { readonly buckets: number[]; sum: number; count: number }>();

  /** @param known values of the label that are there before anything is measured */
  constructor(label: string, known: readonly string[]) {
    this.#label = label;
    for (const value of known) this.#of(value);
  }

  observe(value: string, seconds: number): void {
    const series = this.#of(value);
    series.sum += seconds;
    series.count++;
    for (const [place, bound] of bounds.entries()) if (seconds <= bound) series.buckets[place] = (series.buckets[place] ?? 0) + 1;
  }

  samples(): Sample[] {
    return [...this.#series].flatMap(([value, { buckets, sum, count }]): Sample[] => {
      const labels = { [this.#label]: value };
      return [
        ...bounds.map((bound, place) => ({ suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: buckets[place] ?? 0 })),
        { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
        { suffix: '_sum', labels, value: sum },
        { suffix: '_count', labels, value: count },
      ];
    });
  }

  #of(value: string): { readonly buckets: number[]; sum: number; count: number } {
    let series = this.#series.get(value);
    if (series === undefined) {
      series = { buckets: [], sum: 0, count: 0 };
      this.#series.set(value, series);
    }
    return series;
  }
}
