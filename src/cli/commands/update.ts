/** `update`: limits and restart policies of containers that exist. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { restartPolicyOf } from '#cli/container/container-request.ts';
import { errorText } from '#cli/error-text.ts';
import { parsePublished } from '#cli/container/port-specification.ts';
import { listFlag } from '#cli/flags/list-flags.ts';
import { mountFlag } from '#cli/flags/mount-flag.ts';
import { integerFlag, textFlag, unsignedFlag } from '#cli/flags/scalar-flags.ts';
import { bytesFlag, processorsFlag, swapBytesFlag } from '#cli/flags/size-flags.ts';
import type { PortMap } from '#schema/container-config.ts';

const flags = {
  'blkio-weight': unsignedFlag({ bits: 16, text: 'Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)' }),
  'cpu-period': integerFlag({ text: 'Limit CPU CFS (Completely Fair Scheduler) period' }),
  'cpu-quota': integerFlag({ text: 'Limit CPU CFS (Completely Fair Scheduler) quota' }),
  'cpu-rt-period': integerFlag({ text: 'Limit the CPU real-time period in microseconds', requires: { version: '1.25' } }),
  'cpu-rt-runtime': integerFlag({ text: 'Limit the CPU real-time runtime in microseconds', requires: { version: '1.25' } }),
  'cpu-shares': integerFlag({ short: 'c', text: 'CPU shares (relative weight)' }),
  cpus: processorsFlag({ text: 'Number of CPUs', requires: { version: '1.29' } }),
  'cpuset-cpus': textFlag({ text: 'CPUs in which to allow execution (0-3, 0,1)' }),
  'cpuset-mems': textFlag({ text: 'MEMs in which to allow execution (0-3, 0,1)' }),
  'kernel-memory': bytesFlag({ text: 'Kernel memory limit (deprecated)', hidden: true }),
  memory: bytesFlag({ short: 'm', text: 'Memory limit' }),
  'memory-reservation': bytesFlag({ text: 'Memory soft limit' }),
  'memory-swap': swapBytesFlag({ text: 'Swap limit equal to memory plus swap: -1 to enable unlimited swap' }),
  'mount-add': mountFlag({ text: 'Mount something more, at once where the container runs', isOwn: true }),
  'mount-rm': listFlag({ text: 'Take the mount at a path away, at once where the container runs', isOwn: true }),
  'on-unhealthy': textFlag({ text: 'What to do when the health check fails (restart|stop|none)', isOwn: true }),
  'pids-limit': integerFlag({ text: 'Tune container pids limit (set -1 for unlimited)', requires: { version: '1.40' } }),
  publish: listFlag({ short: 'p', text: 'Publish a port, also while the container runs', isOwn: true }),
  'publish-rm': listFlag({ text: 'Publish a port no more (80/tcp, 8080:80 or 127.0.0.1:8080:80)', isOwn: true }),
  restart: textFlag({ text: 'Restart policy to apply when a container exits', candidates: ['no', 'always', 'on-failure', 'unless-stopped'] }),
};

function portMapOf(texts: readonly string[]): PortMap {
  const ports: PortMap = {};
  for (const { port, binding } of parsePublished(texts)) (ports[port] ??= []).push(binding);
  return ports;
}

export const command = defineCommand({
  usage: 'update [OPTIONS] CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags,
  async run({ client, flags: chosen, given, arguments: containers, stdout, signal }) {
    if (!Object.keys(flags).some((name) => given(name as keyof typeof flags))) throw new CommandFailure('you must provide one or more flags when using this command');
    const change = {
      BlkioWeight: chosen['blkio-weight'],
      CpuPeriod: chosen['cpu-period'],
      CpuQuota: chosen['cpu-quota'],
      CpuRealtimePeriod: chosen['cpu-rt-period'],
      CpuRealtimeRuntime: chosen['cpu-rt-runtime'],
      CpuShares: chosen['cpu-shares'],
      NanoCpus: chosen.cpus,
      CpusetCpus: chosen['cpuset-cpus'],
      CpusetMems: chosen['cpuset-mems'],
      Memory: chosen.memory,
      MemoryReservation: chosen['memory-reservation'],
      MemorySwap: chosen['memory-swap'],
      ...(chosen['pids-limit'] !== 0 && { PidsLimit: chosen['pids-limit'] }),
      ...(chosen['mount-add'].length > 0 && { MountAdd: [...chosen['mount-add']] }),
      ...(chosen['mount-rm'].length > 0 && { MountRemove: [...chosen['mount-rm']] }),
      ...(chosen['on-unhealthy'] !== '' && { OnUnhealthy: chosen['on-unhealthy'] }),
      ...(chosen.publish.length > 0 && { PortBindingsAdd: portMapOf(chosen.publish) }),
      ...(chosen['publish-rm'].length > 0 && { PortBindingsRemove: portMapOf(chosen['publish-rm']) }),
      ...(chosen.restart !== '' && { RestartPolicy: restartPolicyOf(chosen.restart) }),
    };
    const warnings: string[] = [];
    const failures: string[] = [];
    for (const container of containers) {
      try {
        const { Warnings: told } = await client.containers.update(container, change, signal);
        stdout.writeLine(container);
        warnings.push(...(told ?? []));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(errorText(error));
      }
    }
    if (warnings.length > 0) stdout.writeLine(warnings.join('\n'));
    if (failures.length > 0) throw new CommandFailure(failures.join('\n'));
    return 0;
  },
  complete: (invocation) => completeContainers(invocation, { all: true }),
});
