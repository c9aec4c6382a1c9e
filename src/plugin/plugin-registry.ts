/** Plugins by name: found when they are asked for, activated once, and kept. */
import { setTimeout as delay } from 'node:timers/promises';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import type { Plugin, PluginRegistry } from './contract.ts';
import { findPlugin, pluginNames, type PluginAddress, type PluginPlaces } from './find-plugin.ts';
import { askPlugin } from './plugin-connection.ts';

/** Milliseconds between the first two attempts, twice as long each further time; none begins after so many. */
const firstPause = 100;
const patience = 15_000;
/** Milliseconds that a plugin gets to say what it is: one that is asked for by name, and one that nobody named. */
const activation = 60_000;
const introduction = 10_000;

interface Activated {
  readonly plugin: Plugin;
  readonly subsystems: ReadonlySet<string>;
}

export function createPluginRegistry(places: PluginPlaces, warn: (message: string) => void): PluginRegistry {
  const activated = new Map<string, Activated>();
  const mutex = new KeyedMutex();

  const activate = async (name: string, address: PluginAddress, options: { patient: boolean; timeout: number; signal?: AbortSignal | undefined }): Promise<Activated> => {
    const call: Plugin['call'] = async (method, body, { timeout, patient, signal }) => await persist(patient, signal, async () => await askPlugin(address, method, body, { timeout, signal }));
    const manifest = await call('Plugin.Activate', undefined, options);
    const entry = { plugin: { name, call }, subsystems: implementedBy(manifest) };
    activated.set(name, entry);
    return entry;
  };

  const find = async (name: string, { patient, signal }: { patient: boolean; signal: AbortSignal | undefined }): Promise<Activated> => {
    const address = await persist(patient, signal, () => {
      const found = findPlugin(places, name);
      if (found === undefined) throw fail('plugin.not_found', { name });
      return found;
    });
    try {
      return await activate(name, address, { patient, timeout: activation, signal });
    } catch (error) {
      if (!isFailure(error, 'plugin.unreachable') && !isFailure(error, 'plugin.refused') && !isFailure(error, 'plugin.answer_invalid')) throw error;
      throw fail('plugin.activation_failed', { reason: error.message }, error);
    }
  };

  return {
    async require(name, subsystem, { patient, signal }) {
      using _held = await mutex.acquire(name, signal);
      const entry = activated.get(name) ?? (await find(name, { patient, signal }));
      if (!entry.subsystems.has(subsystem)) throw fail('plugin.not_implemented', { name, subsystem });
      return entry.plugin;
    },

    async all(subsystem) {
      const found = await Promise.all([...new Set([...pluginNames(places), ...activated.keys()])].map(async (name) => {
        try {
          using _held = await mutex.acquire(name);
          const known = activated.get(name);
          if (known !== undefined) return known;
          const address = findPlugin(places, name);
          return address === undefined ? undefined : await activate(name, address, { patient: false, timeout: introduction });
        } catch (error) {
          // A socket whose plugin has ended is nobody's.
          if (!isFailure(error, 'plugin.unreachable')) warn(`plugin ${name} cannot be used: ${messageOf(error)}`);
          return undefined;
        }
      }));
      return found.flatMap((entry) => (entry?.subsystems.has(subsystem) === true ? [entry.plugin] : []));
    },

    activated: (subsystem) => [...activated].flatMap(([name, { subsystems }]) => (subsystems.has(subsystem) ? [name] : [])).sort(),
  };
}

/** Repeats what fails because a plugin is not there, or not yet. */
async function persist<T>(patient: boolean, signal: AbortSignal | undefined, attempt: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  for (let pause = firstPause; ; pause *= 2) {
    try {
      return await attempt();
    } catch (error) {
      const isAway = isFailure(error, 'plugin.unreachable') || isFailure(error, 'plugin.not_found');
      if (!patient || !isAway || performance.now() - start + pause > patience) throw error;
    }
    await delay(pause, undefined, { signal });
  }
}

function implementedBy(manifest: unknown): ReadonlySet<string> {
  const listed: unknown = typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'Implements') : undefined;
  return new Set(Array.isArray(listed) ? listed.filter((entry) => typeof entry === 'string') : []);
}
