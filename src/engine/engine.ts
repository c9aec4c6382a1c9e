/** Puts the use cases together. */
import { archiveUseCases } from './archives/archive-use-cases.ts';
import { buildUseCases } from './build/build-use-cases.ts';
import type { EngineParts } from './containers/engine-parts.ts';
import { ContainerLifecycle } from './containers/container-lifecycle.ts';
import { containerUseCases } from './containers/container-use-cases.ts';
import type { Engine } from './contract.ts';
import { ExecRegistry, type HandedExec } from './execs/exec-registry.ts';
import { execUseCases } from './execs/exec-use-cases.ts';
import { reactToUnhealthy } from './health/on-unhealthy.ts';
import { imageUseCases } from './images.ts';
import { networkUseCases } from './networks.ts';
import { registryUseCases } from './registries.ts';
import { recover, type RecoveryReport } from './recovery.ts';
import { EngineBuildSolver } from './solver/build-solver.ts';
import { systemUseCases, type SystemParts } from './system/system-use-cases.ts';
import { volumeUseCases } from './volumes.ts';

export type SystemFacts = Omit<SystemParts, 'registry' | 'containers' | 'images' | 'volumes' | 'snapshotter' | 'events' | 'storage' | 'solver'>;

/** What a daemon that ends in an orderly way leaves to the next besides what is in the database. */
export interface EngineHandover {
  readonly execs: readonly HandedExec[];
}

const nothingHanded: EngineHandover = { execs: [] };

export interface CreatedEngine {
  readonly engine: Engine;
  readonly recovery: RecoveryReport;
  /** Nothing is booked from here on; what is attached goes on as long as this process lives. */
  handOver(): Promise<EngineHandover>;
}

/** Repairs what an earlier daemon left, then answers the engine, ready to serve. */
export async function createEngine(parts: EngineParts, facts: SystemFacts, handed: EngineHandover = nothingHanded): Promise<CreatedEngine> {
  const lifecycle = new ContainerLifecycle(parts);
  parts.health.onUnhealthy = (id) => void reactToUnhealthy(parts, lifecycle, id);
  const execs = execUseCases(parts, new ExecRegistry((id) => parts.registry.get(id) !== undefined));
  const recovery = await recover(parts, lifecycle, async () => execs.takeUp(handed.execs));
  const containers = containerUseCases(parts, lifecycle);
  const volumes = volumeUseCases(parts);
  const { solver, ownedPaths, ...builds } = buildUseCases(parts, containers, () => new EngineBuildSolver(parts, { cache: parts.buildCache, workerId: facts.engineId }));
  const engine: Engine = {
    archives: archiveUseCases(parts),
    containers,
    builds,
    solver,
    execs,
    images: imageUseCases(parts.images, parts.registry),
    networks: networkUseCases(parts),
    registries: registryUseCases(parts.registries),
    volumes,
    system: systemUseCases({ ...facts, registry: parts.registry, containers, images: parts.images, volumes, snapshotter: parts.snapshotter, events: parts.events, storage: { ...parts, builds: () => [...solver.ownedPaths(), ...ownedPaths()] }, solver }),
  };
  return {
    engine,
    recovery,
    handOver: async () => {
      lifecycle.retire();
      // The next daemon goes on where the notes of positions say.
      await parts.logDelivery[Symbol.asyncDispose]();
      parts.launcher.handOver();
      const handed = { execs: await execs.handOver() };
      parts.events.retire();
      return handed;
    },
  };
}
