/**
 * Who uses a volume: containers by their records, and creates that are under way by claims. A volume with
 * a reference is never removed; claiming and looking are synchronous, so nothing comes between them.
 */
import type { ContainerRegistry } from './container-registry.ts';

export interface VolumeClaim extends Disposable {
  /** Holds one more. */
  add(name: string): void;
}

export class VolumeReferences {
  readonly #registry: ContainerRegistry;
  readonly #claims = new Map<string, ReadonlySet<string>>();

  constructor(registry: ContainerRegistry) {
    this.#registry = registry;
  }

  /** Holds volumes for a container that has no record yet, until disposed. */
  claim(containerId: string, names: Iterable<string>): VolumeClaim {
    const held = new Set(names);
    this.#claims.set(containerId, held);
    return { add: (name) => void held.add(name), [Symbol.dispose]: () => void this.#claims.delete(containerId) };
  }

  /** Ids of the containers that use the volume, each once. */
  usersOf(name: string): string[] {
    const users = new Set(this.#registry.all().filter(({ mounts }) => mounts.some(({ point }) => point.Name === name)).map(({ id }) => id));
    for (const [id, names] of this.#claims) if (names.has(name)) users.add(id);
    return [...users];
  }
}
