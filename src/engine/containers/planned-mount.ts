/** What is kept of a mount a container asked for. */
import type { MountPoint } from '#schema/container-config.ts';

/** A mount with what inspect does not show of it. */
export interface PlannedMount {
  readonly point: MountPoint;
  /** A volume that is empty gets what the image has there. */
  readonly copyUp: boolean;
  readonly subpath?: string | undefined;
  /** A bind's missing source is made, as `-v` does. */
  readonly makeSource: boolean;
  readonly nonRecursive?: boolean | undefined;
  readonly readonlyNonRecursive?: boolean | undefined;
  readonly tmpfsOptions?: readonly string[] | undefined;
  /** An unnamed volume goes with its container. */
  readonly anonymous: boolean;
}
