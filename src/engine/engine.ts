/** Puts the use cases together. */
import { archiveUseCases } from './archives/archive-use-cases.ts';
import { buildUseCases } from './build/build-use-cases.ts';
import type { EngineParts } from './containers/engine-parts.ts';
import { ContainerLifecycle } from './containers/container-lifecycle.ts';
import { containerUseCases } from './containers/container-use-cases.ts';
import type { Engine } from './contract.ts';
import { ExecRegistry } from './execs/exec-registry.ts';
import { execUseCases } from './execs/exec-use-cases.ts';
import { imageUseCases } from './images.ts';
import { networkUseCases } from './networks.ts';
import { registryUseCases } from './registries.ts';
import { recover, type RecoveryReport } from './recovery.ts';
import { systemUseCases, type SystemParts } from './system/system-use-cases.ts';
import { volumeUseCases } from './volumes.ts';

export type SystemFacts = Omit<SystemParts, 'registry' | 'containers' | 'images' | 'volumes' | 'snapshotter' | 'events'>;

/** Repairs what an earlier daemon left, then answers the engine, ready to serve. */
export async function createEngine(parts: EngineParts, facts: SystemFacts): Promise<{ engine: Engine; recovery: RecoveryReport }> {
  const lifecycle = new ContainerLifecycle(parts);
  const recovery = await recover(parts, lifecycle);
  const containers = containerUseCases(parts, lifecycle);
  const volumes = volumeUseCases(parts);
  const engine: Engine = {
    archives: archiveUseCases(parts),
    containers,
    builds: buildUseCases(parts, containers),
    execs: execUseCases(parts, new ExecRegistry()),
    images: imageUseCases(parts.images, parts.registry),
    networks: networkUseCases(parts),
    registries: registryUseCases(parts.registries),
    volumes,
    system: systemUseCases({ ...facts, registry: parts.registry, containers, images: parts.images, volumes, snapshotter: parts.snapshotter, events: parts.events }),
  };
  return { engine, recovery };
}
