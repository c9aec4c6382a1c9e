/** Commands about registries at the top level. */
import type { CommandNode } from '#cli/command.ts';

export const registryNodes: readonly CommandNode[] = [
  { name: 'login', summary: 'Authenticate to a registry', common: 8, load: async () => (await import('./login.ts')).command },
  { name: 'logout', summary: 'Log out from a registry', common: 9, load: async () => (await import('./logout.ts')).command },
  { name: 'search', summary: 'Search Docker Hub for images', common: 10, load: async () => (await import('./search.ts')).command },
];
