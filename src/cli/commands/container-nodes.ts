/** Commands on containers: in the group `container`, and by their short names. */
import type { Command, CommandNode } from '#cli/command.ts';
import { containerViewNodes, topLevelViewNodes } from './container-view-nodes.ts';

/** A command that is at both places. */
function both(name: string, summary: string, load: () => Promise<{ command: Command }>): CommandNode {
  return { name, summary, paths: [`container ${name}`, name], load: async () => (await load()).command };
}

const attach = both('attach', 'Attach local standard input, output, and error streams to a running container', () => import('./attach.ts'));
const commit = both('commit', "Create a new image from a container's changes", () => import('./commit.ts'));
const create = both('create', 'Create a new container', () => import('./create.ts'));
const exec = both('exec', 'Execute a command in a running container', () => import('./exec.ts'));
const explain: CommandNode = { ...both('explain', 'Say why a container is as it is, with proof', () => import('./explain.ts')), isOwn: true };
const kill = both('kill', 'Kill one or more running containers', () => import('./kill.ts'));
const logs = both('logs', 'Fetch the logs of a container', () => import('./logs.ts'));
const pause = both('pause', 'Pause all processes within one or more containers', () => import('./pause.ts'));
const rename = both('rename', 'Rename a container', () => import('./rename.ts'));
const restart = both('restart', 'Restart one or more containers', () => import('./restart.ts'));
const remove: CommandNode = {
  ...both('rm', 'Remove one or more containers', () => import('./rm.ts')),
  aliases: ['remove'],
  paths: ['container rm', 'container remove', 'rm'],
};
const run = both('run', 'Create and run a new container from an image', () => import('./run.ts'));
const start = both('start', 'Start one or more stopped containers', () => import('./start.ts'));
const stop = both('stop', 'Stop one or more running containers', () => import('./stop.ts'));
const unpause = both('unpause', 'Unpause all processes within one or more containers', () => import('./unpause.ts'));
const update = both('update', 'Update configuration of one or more containers', () => import('./update.ts'));
const wait = both('wait', 'Block until one or more containers stop, then print their exit codes', () => import('./wait.ts'));

const shared = [attach, commit, create, explain, kill, logs, pause, rename, restart, remove, start, stop, unpause, update, wait];

export const containerNodes: readonly CommandNode[] = [
  {
    name: 'container',
    summary: 'Manage containers',
    children: [
      ...shared,
      exec,
      run,
      { name: 'prune', summary: 'Remove all stopped containers', load: async () => (await import('./container-prune.ts')).command },
      ...containerViewNodes,
    ],
  },
  ...shared,
  { ...run, common: 1 },
  { ...exec, common: 2 },
  ...topLevelViewNodes,
];
