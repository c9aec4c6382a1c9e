/** What is asked of the thread that changes the mounts of running containers, and what it answers. */
import type { IdentityMapping } from '#base/identity-mapping.ts';
import type { ErrorDetails } from '#base/errors/failure.ts';
import type { ErrorCode } from '#base/errors/table.ts';

/** A mount as the OCI specification has it. */
export interface LiveMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** A process of the container, whose mount namespace is meant. */
interface Place {
  readonly pid: number;
}

export type LiveMountJob =
  | (Place & {
      readonly kind: 'attach';
      readonly mount: LiveMount;
      /** The container may change the source's parents: a link in its path is then refused. */
      readonly linksRefused: boolean;
      /** Where the container's root file system is writable though the container's own is not. */
      readonly rootfs: string;
      /** Of a container with users of its own: whose what is made there is. */
      readonly mapping?: IdentityMapping | undefined;
    })
  | (Place & { 
      readonly kind: 'detach';
      readonly destination: string;
      /** Where other mounts are that must stay reachable; what else is mounted below came with the mount and goes with it. */
      readonly kept: readonly string[];
    });

export type LiveMountMessage =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly details: ErrorDetails }
  | { readonly kind: 'bug'; readonly message: string };
