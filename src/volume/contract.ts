/** What the engine needs of volumes. Implemented in this folder. */

/** A volume of the local driver. */
export interface Volume {
  readonly name: string;
  readonly driver: string;
  /** RFC 3339, to the second. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly options: Readonly<Record<string, string>> | null;
  /** Where its content is, or is mounted while in use. */
  readonly mountpoint: string;
}

export interface VolumeStore {
  /**
   * Makes it, or answers the one of this name with the same driver. An empty name: one is made up, of which
   * `announce` is told before anything is made. @throws volume.* with Docker's texts
   */
  create(request: { name: string; driver: string; options: Readonly<Record<string, string>> | null; labels: Readonly<Record<string, string>> | null }, announce?: (name: string) => void): Volume;
  /**
   * Makes a volume with a content that is there from the first moment on, whole, or not at all.
   * @param fill gets an empty directory @throws volume.exists, volume.* as {@link create}, and what `fill` throws
   */
  createFilled(request: { name: string; labels: Readonly<Record<string, string>> | null }, fill: (directory: string) => Promise<void>): Promise<Volume>;
  /** @throws volume.not_found */
  require(name: string): Volume;
  get(name: string): Volume | undefined;
  list(): Volume[];
  /** Deletes volume and content. The caller has made sure that nobody uses it. @throws volume.not_found */
  remove(name: string): Promise<void>;
  /** Makes its content reachable at `mountpoint` for a container. @throws volume.mount_failed */
  mount(name: string, user: string): Promise<string>;
  /** Ends what {@link mount} began for this user. */
  unmount(name: string, user: string): Promise<void>;
  /**
   * Has `copy` fill a directory of the volume when it is empty: beside it first, so that it is there whole or not at
   * all. `isShared` tells whether others may be using the directory, which then stays the same one.
   */
  fill(name: string, directory: string, work: { copy: (destination: string) => Promise<void>; isShared: () => boolean }): Promise<void>;
  /** Bytes of its content. */
  size(name: string): Promise<number>;
  /** Users of an earlier daemon that still run keep their mounts; other mounts of volumes go. */
  repair(users: ReadonlyMap<string, readonly string[]>): Promise<void>;
}
