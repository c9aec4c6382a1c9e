/** Cgroups of version 2: the runtime makes them (it can start a process right inside one) and fills them; the rest is done here. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cgroupDirectory, killAll, processesBelow, removeTrees } from './cgroup-tree.ts';
import type { CgroupManager } from './contract.ts';
import { childDirectories, readKeyedNumbers, readNumber, readSetting, writeSetting } from './control-file.ts';
import { versionTwoFacts, versionTwoStatistics } from './version-two-statistics.ts';
import { writeUnifiedSettings } from './version-two-settings.ts';

const killRounds = 60;

/** `mountPoint`: where the unified hierarchy is. */
export function versionTwoManager(mountPoint: string): CgroupManager {
  const directoryOf = (path: string): string => cgroupDirectory(mountPoint, path);

  const waitForFrozen = async (directory: string, frozen: number, signal: AbortSignal | undefined): Promise<void> => {
    for (let round = 1; (readKeyedNumbers(`${directory}/cgroup.events`)['frozen'] ?? frozen) !== frozen; round += 1) {
      await delay(Math.min(round, 10), undefined, signal === undefined ? {} : { signal });
    }
  };

  const manager: CgroupManager = {
    version: 2,
    facts: versionTwoFacts(mountPoint),
    create: () => ({ kind: 'runtime' }),
    placement: () => ({ kind: 'runtime' }),
    exists: (path) => existsSync(directoryOf(path)),
    remove: (path) => removeTrees([directoryOf(path)]),
    oomKilled: (path) => (readKeyedNumbers(`${directoryOf(path)}/memory.events`)['oom_kill'] ?? 0) > 0,
    memoryPeak: (path) => readNumber(`${directoryOf(path)}/memory.peak`),
    processes: (path) => processesBelow(directoryOf(path)),

    async kill(path) {
      // Since Linux 5.14; before, killing is repeated until nothing is left.
      const file = `${directoryOf(path)}/cgroup.kill`;
      for (let round = 0; round < killRounds; round += 1) {
        const pids = manager.processes(path);
        if (pids.length === 0) return;
        if (existsSync(file)) writeSetting(file, 1);
        else killAll(pids);
        await delay(Math.min(1 + round, 20));
      }
    },

    frozen: (path) => readSetting(`${directoryOf(path)}/cgroup.freeze`) === '1',

    async freeze(path, signal) {
      const directory = directoryOf(path);
      signal?.throwIfAborted();
      writeSetting(`${directory}/cgroup.freeze`, 1);
      try {
        await waitForFrozen(directory, 1, signal);
      } catch (error) {
        writeSetting(`${directory}/cgroup.freeze`, 0);
        throw signal?.aborted === true ? signal.reason : error;
      }
    },

    async thaw(path) {
      const directory = directoryOf(path);
      writeSetting(`${directory}/cgroup.freeze`, 0);
      await waitForFrozen(directory, 0, undefined);
    },

    update: (path, resources) => writeUnifiedSettings(directoryOf(path), resources),
    statistics: (path) => versionTwoStatistics(directoryOf(path)),
    list: (parent) => childDirectories(directoryOf(parent)).sort(),
  };
  return manager;
}
