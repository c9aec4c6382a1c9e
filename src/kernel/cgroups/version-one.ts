/**
 * Cgroups of version 1: one directory per hierarchy, made here, joined by the shim's child through the
 * `tasks` files. That spares the kernel's wait for an RCU grace period that moving a process by
 * `cgroup.procs` costs.
 */
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { setTimeout as delay } from 'node:timers/promises';
import { failedWith } from '../failed-with.ts';
import { cgroupDirectory, killAll, processesBelow, removeTrees } from './cgroup-tree.ts';
import type { CgroupManager, CgroupPlacement } from './contract.ts';
import { childDirectories, readNumber, readSetting, writeRaw, writeSetting } from './control-file.ts';
import type { Hierarchy } from './hierarchies.ts';
import { versionOneFacts } from './version-one-facts.ts';
import { writeSettings, type DirectoryOf } from './version-one-settings.ts';
import { versionOneStatistics } from './version-one-statistics.ts';

const killRounds = 60;
/** A task that forks while its cgroup freezes can keep it from getting there: thawing for a moment helps. */
const freezeRoundsBeforeThaw = 50;

/** `unified`: where the hierarchy of version 2 is mounted beside; runc makes cgroups there too, which are to be removed. */
export function versionOneManager(hierarchies: readonly Hierarchy[], unified?: string): CgroupManager {
  const mountOf = (controller: string): string | undefined => hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller))?.mountPoint;
  const cpusetMount = mountOf('cpuset');
  // The freezer decides what is killed together, so it also answers which processes there are.
  const processMount = mountOf('freezer') ?? mountOf('pids') ?? hierarchies[0]?.mountPoint ?? '/sys/fs/cgroup';
  const directoriesOf = (path: string): string[] => hierarchies.map((hierarchy) => cgroupDirectory(hierarchy.mountPoint, path));
  const allDirectoriesOf = (path: string): string[] => [...directoriesOf(path), ...(unified === undefined ? [] : [cgroupDirectory(unified, path)])];
  const directoryOf = (path: string): DirectoryOf => (controller) => {
    const mountPoint = mountOf(controller);
    return mountPoint === undefined ? undefined : cgroupDirectory(mountPoint, path);
  };
  const freezerFile = (path: string): string | undefined => {
    const directory = directoryOf(path)('freezer');
    return directory === undefined ? undefined : `${directory}/freezer.state`;
  };
  const thawNow = (path: string): void => {
    const file = freezerFile(path);
    if (file !== undefined && existsSync(file)) writeSetting(file, 'THAWED');
  };

  const manager: CgroupManager = {
    version: 1,
    facts: versionOneFacts(hierarchies),

    create(path, resources) {
      const made: string[] = [];
      try {
        for (const { mountPoint } of hierarchies) makeCgroup(mountPoint, cgroupDirectory(mountPoint, path), mountPoint === cpusetMount, made);
        writeSettings(directoryOf(path), resources);
      } catch (error) {
        for (const directory of made.toReversed()) rmdirSync(directory);
        throw error;
      }
      return manager.placement(path);
    },

    placement(path): CgroupPlacement {
      return { kind: 'join', tasksFiles: directoriesOf(path).map((directory) => `${directory}/tasks`) };
    },

    exists: (path) => allDirectoriesOf(path).some((directory) => existsSync(directory)),
    remove: (path) => removeTrees(allDirectoriesOf(path)),

    oomKilled(path) {
      const control = readSetting(`${directoryOf(path)('memory') ?? '/nonexistent'}/memory.oom_control`) ?? '';
      return Number(/^oom_kill (\d+)$/m.exec(control)?.[1] ?? 0) > 0;
    },

    memoryPeak: (path) => readNumber(`${directoryOf(path)('memory') ?? '/nonexistent'}/memory.max_usage_in_bytes`),

    processes: (path) => processesBelow(cgroupDirectory(processMount, path)),

    async kill(path) {
      for (let round = 0; round < killRounds; round += 1) {
        // Frozen, nothing can fork away between the reading and the killing.
        const file = freezerFile(path);
        if (file !== undefined && existsSync(file)) writeSetting(file, 'FROZEN');
        const pids = manager.processes(path);
        killAll(pids);
        thawNow(path);
        if (pids.length === 0) return;
        await delay(Math.min(1 + round, 20));
      }
    },

    frozen(path) {
      const file = freezerFile(path);
      return file !== undefined && ['FROZEN', 'FREEZING'].includes(readSetting(file) ?? '');
    },

    async freeze(path, signal) {
      const file = freezerFile(path);
      if (file === undefined) return;
      try {
        for (let round = 1; ; round += 1) {
          signal?.throwIfAborted();
          writeSetting(file, 'FROZEN');
          if (readSetting(file) === 'FROZEN') return;
          if (round % freezeRoundsBeforeThaw === 0) writeSetting(file, 'THAWED');
          await delay(Math.min(round, 10), undefined, signal === undefined ? {} : { signal });
        }
      } catch (error) {
        thawNow(path);
        throw signal?.aborted === true ? signal.reason : error;
      }
    },

    async thaw(path) {
      const file = freezerFile(path);
      if (file === undefined) return;
      for (let round = 1; round <= killRounds; round += 1) {
        writeSetting(file, 'THAWED');
        if (readSetting(file) === 'THAWED') return;
        await delay(Math.min(round, 10));
      }
    },

    update: (path, resources) => writeSettings(directoryOf(path), resources),
    statistics: (path) => versionOneStatistics(directoryOf(path)),

    list: (parent) => [...new Set(allDirectoriesOf(parent).flatMap((directory) => childDirectories(directory)))].sort(),
  };
  return manager;
}

/** Makes the cgroup with its parents; a fresh cpuset, which holds no processor and takes no task, gets its parent's. */
function makeCgroup(mountPoint: string, directory: string, cpuset: boolean, made: string[]): void {
  try {
    mkdirSync(directory);
    made.push(directory);
  } catch (error) {
    if (failedWith(error, 'ENOENT') && dirname(directory) !== mountPoint) {
      makeCgroup(mountPoint, dirname(directory), cpuset, []);
      return makeCgroup(mountPoint, directory, cpuset, made);
    }
    if (!failedWith(error, 'EEXIST')) throw error;
  }
  if (cpuset) fillCpuset(directory);
}

function fillCpuset(directory: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    if (readSetting(`${directory}/${name}`) === '') writeSetting(`${directory}/${name}`, readSetting(`${dirname(directory)}/${name}`) ?? '');
  }
  // Cgroups made below by the container itself then work too.
  if (readSetting(`${directory}/cgroup.clone_children`) !== '1') writeRaw(`${directory}/cgroup.clone_children`, 1);
}
