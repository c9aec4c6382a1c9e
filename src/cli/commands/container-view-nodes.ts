/** Commands that look at containers and their files. */
import type { CommandNode } from '#cli/command.ts';

const copy: CommandNode = {
  name: 'cp', summary: 'Copy files/folders between a container and the local filesystem', paths: ['container cp', 'cp'],
  load: async () => (await import('./cp.ts')).command,
};

const diff: CommandNode = {
  name: 'diff', summary: "Inspect changes to files or directories on a container's filesystem", paths: ['container diff', 'diff'],
  load: async () => (await import('./diff.ts')).command,
};

const exportNode: CommandNode = {
  name: 'export', summary: "Export a container's filesystem as a tar archive", paths: ['container export', 'export'],
  load: async () => (await import('./export.ts')).command,
};

const port: CommandNode = {
  name: 'port', summary: 'List port mappings or a specific mapping for the container', paths: ['container port', 'port'],
  load: async () => (await import('./port.ts')).command,
};

const top: CommandNode = {
  name: 'top', summary: 'Display the running processes of a container', paths: ['container top', 'top'],
  load: async () => (await import('./top.ts')).command,
};

const stats: CommandNode = {
  name: 'stats', summary: 'Display a live stream of container(s) resource usage statistics', paths: ['container stats', 'stats'],
  load: async () => (await import('./stats.ts')).command,
};

const listPaths = ['container ls', 'container list', 'container ps', 'ps'];

/** In the group `container`. */
export const containerViewNodes: readonly CommandNode[] = [
  copy,
  diff,
  exportNode,
  {
    name: 'inspect', summary: 'Display detailed information on one or more containers',
    load: async () => (await import('./container-inspect.ts')).command,
  },
  { name: 'ls', aliases: ['list', 'ps'], summary: 'List containers', paths: listPaths, load: async () => (await import('./ps.ts')).listCommand },
  port,
  stats,
  top,
];

/** At the top level. */
export const topLevelViewNodes: readonly CommandNode[] = [
  copy,
  diff,
  exportNode,
  { name: 'ps', summary: 'List containers', paths: listPaths, common: 3, load: async () => (await import('./ps.ts')).command },
  {
    name: 'inspect', summary: 'Return low-level information on Docker objects',
    load: async () => (await import('./inspect.ts')).command,
  },
  port,
  stats,
  top,
];
