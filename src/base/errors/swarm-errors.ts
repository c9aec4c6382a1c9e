/** Errors of what this engine takes no part in: swarms and plugins of the daemon. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const swarmErrors = {
  'swarm.not_a_manager': {
    kind: 'unavailable',
    text: () => 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  },
  'swarm.not_part': { kind: 'unavailable', text: () => 'This node is not part of a swarm' },
  'swarm.unsupported': { kind: 'notImplemented', text: () => 'this engine has no swarm mode: run the services of a stack on one host with "docker compose"' },
  'plugin.unsupported': { kind: 'notImplemented', text: () => 'this engine takes no plugins: use its own log, network and volume drivers' },
} as const satisfies Record<string, ErrorRow>;
