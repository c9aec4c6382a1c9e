/** Which containers have users of their own. */
import type { Remapping } from '#kernel/user-namespace.ts';
import type { HostConfig } from '#schema/container-config.ts';

/** Undefined: the container's users are the host's. */
export function remappingFor({ remapping }: { readonly remapping: Remapping | undefined }, { UsernsMode }: Pick<HostConfig, 'UsernsMode'>): Remapping | undefined {
  return UsernsMode === 'host' ? undefined : remapping;
}
