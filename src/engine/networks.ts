/** The network endpoints' use cases. */
import type { NetworkController } from '#network/contract.ts';
import type { NetworkUseCases } from './contract.ts';

export function networkUseCases(networks: NetworkController): NetworkUseCases {
  return {
    list: async (filters) => networks.list(filters),
    inspect: async (reference) => networks.inspect(reference),
  };
}
