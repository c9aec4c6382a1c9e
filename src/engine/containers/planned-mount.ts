/** What is kept of a mount a container asked for. */
import type { MountPoint } from '#schema/container-config.ts';

/** A mount with what inspect does not show of it. */
export interface PlannedMount {
  readonly point: MountPoint;
  /** A volume that is empty gets what the image has there. */
  readonly copyUp: boolean;
  /** An image's files: the image, and the snapshot they are mounted by, which goes with the container. */
  readonly image?: { readonly id: string; readonly snapshot: string };
  readonly subpath?: string | undefined;
  /** A bind's missing source is made, as `-v` does. */
  readonly makeSource: boolean;
  /** Of a bind: its propagation was asked for, and has to have an effect. */
  readonly propagationGiven?: boolean | undefined;
  readonly nonRecursive?: boolean | undefined;
  readonly readonlyNonRecursive?: boolean | undefined;
  /** Refused where the kernel cannot make what is mounted below read-only, too. */
  readonly readonlyForceRecursive?: boolean | undefined;
  readonly tmpfsOptions?: readonly string[] | undefined;
  /** An unnamed volume goes with its container. */
  readonly anonymous: boolean;
}
