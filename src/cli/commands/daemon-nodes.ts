/** Commands of the group `daemon`, which Docker does not have. */
import type { CommandNode } from '#cli/command.ts';

const inGroup: readonly CommandNode[] = [
  { name: 'install', summary: 'Make the daemon a service of systemd, started with the system', load: async () => (await import('./daemon-install.ts')).command },
  { name: 'logs', summary: "Show the daemon's log", load: async () => (await import('./daemon-logs.ts')).command },
  { name: 'start', summary: 'Start the daemon in the background', load: async () => (await import('./daemon-start.ts')).command },
  { name: 'status', summary: 'Show whether the daemon runs, and what it is', load: async () => (await import('./daemon-status.ts')).command },
  { name: 'stop', summary: 'Stop the daemon; containers go on running', load: async () => (await import('./daemon-stop.ts')).command },
  { name: 'uninstall', summary: 'Stop the service and remove it', load: async () => (await import('./daemon-uninstall.ts')).command },
  { name: 'upgrade', summary: 'Replace the running daemon by the one that is installed now', load: async () => (await import('./daemon-upgrade.ts')).command },
];

export const daemonNodes: readonly CommandNode[] = [
  { name: 'daemon', summary: 'Manage the daemon of this machine', isOwn: true, children: inGroup },
];
