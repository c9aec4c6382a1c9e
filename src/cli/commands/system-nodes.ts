/** Commands of the group `system`, and their short names at the top level. */
import type { CommandNode } from '#cli/command.ts';

const events: CommandNode = {
  name: 'events', summary: 'Get real time events from the server', paths: ['system events', 'events'],
  load: async () => (await import('./events.ts')).command,
};

const info: CommandNode = {
  name: 'info', summary: 'Display system-wide information', paths: ['system info', 'info'],
  load: async () => (await import('./info.ts')).command,
};

const inGroup: readonly CommandNode[] = [
  { name: 'df', summary: 'Show docker disk usage', load: async () => (await import('./system-df.ts')).command },
  { name: 'dial-stdio', hidden: true, summary: 'Proxy the stdio stream to the daemon connection. Should not be invoked manually.', load: async () => (await import('./system-dial-stdio.ts')).command },
  events,
  { name: 'fsck', summary: "Check the owners and contents of the engine's files", isOwn: true, load: async () => (await import('./system-fsck.ts')).command },
  info,
  { name: 'prune', summary: 'Remove unused data', load: async () => (await import('./system-prune.ts')).command },
];

export const systemNodes: readonly CommandNode[] = [
  { name: 'system', summary: 'Manage Docker', children: inGroup },
  events,
  { ...info, common: 12 },
  { name: 'version', summary: 'Show the Docker version information', common: 10, load: async () => (await import('./version.ts')).command },
];
