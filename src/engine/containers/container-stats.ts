/** What containers use of the machine: read from cgroups and interfaces only while somebody looks. */
import { totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { formatTimestamp, nowNanoseconds } from '#base/timestamp.ts';
import { readNetworkCounters, type NetworkCounters } from '#kernel/network-counters.ts';
import { readProcessorTime } from '#kernel/processor-time.ts';
import { hasInterface } from '#network/endpoint-order.ts';
import type { ContainerStats } from '#schema/container-stats.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';
import { viewNoStats, viewStats, type StatsSample } from './stats-view.ts';

/** Milliseconds between samples, Docker's. */
const interval = 1000;

export interface StatsRequest {
  /** Go on until the client leaves or the container is removed. */
  readonly stream: boolean;
  /** One sample without one before it: nothing can be said of rates, and nobody waits. */
  readonly oneShot: boolean;
}

/** The container is resolved before the first sample is asked for. @throws container.not_found */
export function containerStats(parts: EngineParts, reference: string, request: StatsRequest, signal: AbortSignal): AsyncIterable<ContainerStats> {
  const { id } = parts.registry.resolve(reference);
  return samples(parts, id, request, signal);
}

async function* samples(parts: EngineParts, id: string, { stream, oneShot }: StatsRequest, signal: AbortSignal): AsyncGenerator<ContainerStats, void, void> {
  let before: StatsSample | undefined;
  for (let record = parts.registry.get(id); record !== undefined && !signal.aborted; record = parts.registry.get(id)) {
    const identity = { name: `/${record.name}`, id };
    const sample = isRunning(record.state) ? takeSample(parts, record) : undefined;
    // Docker's answer to a one-shot does not say whose it is.
    if (sample !== undefined && oneShot) return yield viewStats(undefined, sample, undefined);
    if (sample === undefined) yield viewNoStats(identity);
    else if (stream || before !== undefined) yield viewStats(identity, sample, before);
    if (!stream && (sample === undefined || before !== undefined)) return;
    before = sample;
    if (!(await passes(interval, signal))) return;
  }
}

async function passes(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(milliseconds, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

function takeSample(parts: EngineParts, record: ContainerRecord): StatsSample {
  const { statistics, version } = parts.runtime.statistics(record);
  return {
    read: formatTimestamp(nowNanoseconds()),
    cgroup: statistics,
    cgroupVersion: version,
    processors: readProcessorTime(),
    machineMemory: totalmem(),
    networks: networksOf(parts, record),
  };
}

/** The interfaces of its endpoints, or of the container whose network it shares. The host's are not its own. */
function networksOf(parts: EngineParts, record: ContainerRecord): ReadonlyMap<string, NetworkCounters> {
  const mode = record.hostConfig.NetworkMode;
  const owner = mode.startsWith('container:') ? parts.registry.get(mode.slice('container:'.length)) : record;
  const interfaces = Object.values(owner?.sandbox?.endpoints ?? {}).flatMap((endpoint) => (hasInterface(endpoint) ? [endpoint.containerInterface ?? 'eth0'] : []));
  if (interfaces.length === 0) return new Map();
  const counters = readNetworkCounters(record.state.pid);
  return new Map([...counters].filter(([name]) => interfaces.includes(name)));
}
