/**
 * Probes containers while they run. One loop per container, which ends when the container is paused or
 * ends; each result is written to the record, so that health survives the daemon.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { nowNanoseconds, parseTimestamp } from '#base/timestamp.ts';
import { processAge } from '#kernel/process-age.ts';
import { commandText, publishContainerEvent } from '../containers/container-events.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import type { ContainerState } from '../containers/container-state.ts';
import type { ContainerRegistry } from '../containers/container-registry.ts';
import type { EventLog } from '../events/event-log.ts';
import { afterProbe, probeCommand, probeTimeout, probeWait } from './health-state.ts';
import { runProbe, type ProbeParts } from './run-probe.ts';

export interface HealthParts extends ProbeParts {
  readonly registry: ContainerRegistry;
  readonly events: EventLog;
  readonly log: (level: 'info' | 'warning' | 'error', message: string) => void;
}

export class HealthMonitor implements Disposable {
  readonly #parts: HealthParts;
  readonly #loops = new Map<string, AbortController>();
  /** Called when a container's health has become bad. */
  onUnhealthy: ((id: string) => void) | undefined;
  #probes = 0;
  #failedProbes = 0;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** How many there were since the daemon started. */
  get probes(): number {
    return this.#probes;
  }

  get failedProbes(): number {
    return this.#failedProbes;
  }

  /** Begins to probe a container that runs, when it has a health check. */
  watch(id: string): void {
    this.unwatch(id);
    const record = this.#parts.registry.require(id);
    if (record.state.health === undefined || record.state.status !== 'running') return;
    const loop = new AbortController();
    this.#loops.set(id, loop);
    this.#probeAll(id, loop.signal).catch((error: unknown) => {
      if (!loop.signal.aborted) this.#parts.log('error', `could not go on probing the health of ${id}: ${messageOf(error)}; it goes on at its next start`);
    });
  }

  /** Ends the probes of a container; one that is under way is killed and not counted. */
  unwatch(id: string): void {
    this.#loops.get(id)?.abort();
    this.#loops.delete(id);
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#loops.keys()]) this.unwatch(id);
  }

  async #probeAll(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { state, config } = this.#parts.registry.require(id);
      if (state.health === undefined || config.Healthcheck === undefined) return;
      await delay(probeWait(state.health, config.Healthcheck, ageOf(state)), undefined, { signal, ref: false });
      await this.#probe(this.#parts.registry.require(id), signal);
      if (signal.aborted) return;
    }
  }

  async #probe(record: ContainerRecord, signal: AbortSignal): Promise<void> {
    const { registry, events } = this.#parts;
    const { Healthcheck: check, Shell } = record.config;
    const command = probeCommand(check, Shell);
    if (check === undefined || command === undefined) return;
    const execId = newIdentifier();
    const age = ageOf(record.state);
    publishContainerEvent(events, record, `exec_create: ${commandText(command)}`, { execID: execId });
    publishContainerEvent(events, record, `exec_start: ${commandText(command)}`, { execID: execId });
    const { started, ...result } = await runProbe(this.#parts, record, { execId, command, timeout: probeTimeout(check), signal });
    if (signal.aborted) {
      publishContainerEvent(events, record, 'exec_die', { execID: execId, exitCode: '137' });
      return;
    }
    this.#probes++;
    if (result.ExitCode !== 0) this.#failedProbes++;
    const { state } = registry.require(record.id);
    if (state.health === undefined) return;
    const health = afterProbe(state.health, check, age, result);
    const after = registry.update(record.id, { state: { ...state, health } });
    if (started) publishContainerEvent(events, after, 'exec_die', { execID: execId, exitCode: String(result.ExitCode === -1 ? 137 : result.ExitCode) });
    if (health.status === state.health.status) return;
    publishContainerEvent(events, after, `health_status: ${health.status}`);
    if (health.status === 'unhealthy') this.onUnhealthy?.(record.id);
  }
}

/** By the kernel's clock, which nobody sets and which outlives the daemon; of a process that has ended by the clock of the day. */
function ageOf({ pid, startedAt }: ContainerState): bigint {
  const now = nowNanoseconds();
  return processAge(pid) ?? now - (parseTimestamp(startedAt) ?? now);
}
