/** What the engine needs of volumes. Implemented in this folder. */

export interface Volume {
  readonly name: string;
  readonly driver: string;
  /** RFC 3339, to the second. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly options: Readonly<Record<string, string>> | null;
  /** Where its content is, or is mounted while in use; empty where its driver does not say. */
  readonly mountpoint: string;
  readonly scope: 'local' | 'global';
  /** What its driver tells of it. */
  readonly status?: Readonly<Record<string, unknown>> | undefined;
}

export interface VolumeRequest {
  /** Empty: one is made up. */
  readonly name: string;
  /** Empty: `local`, or the driver that has a volume of this name already. */
  readonly driver: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly labels: Readonly<Record<string, string>> | null;
}

/** Volumes of the local driver and of plugins. Methods that ask a driver wait for it, and fail with Docker's texts where it is away. */
export interface VolumeStore {
  /**
   * Makes it, or answers the one of this name with the same driver. `announce` is told a name that is made up
   * before anything is made. @throws volume.*, plugin.* with Docker's texts
   */
  create(request: VolumeRequest, options?: { readonly announce?: ((name: string) => void) | undefined; readonly signal?: AbortSignal | undefined }): Promise<Volume>;
  /**
   * Makes a volume with a content that is there from the first moment on, whole, or not at all.
   * @param fill gets an empty directory @throws volume.exists, volume.* as {@link create}, and what `fill` throws
   */
  createFilled(request: { name: string; labels: Readonly<Record<string, string>> | null }, fill: (directory: string) => Promise<void>): Promise<Volume>;
  /** Asks its driver for it. @throws volume.not_found, volume.driver_unavailable */
  require(name: string, signal?: AbortSignal): Promise<Volume>;
  /** What is known of it without asking a driver. */
  known(name: string): Volume | undefined;
  /** Those of the local driver. */
  local(): Volume[];
  /** All there are, also those that plugins had before. @param drivers undefined: all. Plugins that do not answer are told of in `warnings`. */
  list(drivers?: readonly string[]): Promise<{ volumes: Volume[]; warnings: string[] }>;
  /** Names of the drivers that have been used, sorted. */
  drivers(): string[];
  /**
   * Deletes volume and content. `refuse` is called when nothing comes between it and the removal, and throws where somebody uses the volume.
   * @param options.forget when its driver refuses @throws volume.not_found, volume.driver_failed
   */
  remove(name: string, options?: { readonly refuse?: (() => void) | undefined; readonly forget?: boolean | undefined }): Promise<void>;
  /** Makes its content reachable at the path that is answered, for a container. @throws volume.mount_failed, volume.not_mountable */
  mount(name: string, user: string, signal?: AbortSignal): Promise<string>;
  /** Ends what {@link mount} began for this user. */
  unmount(name: string, user: string): Promise<void>;
  /**
   * Has `copy` fill a directory of the volume when it is empty: beside it first, so that it is there whole or not at
   * all. `isShared` tells whether others may be using the directory, which then stays the same one.
   * @param place.root where the volume is mounted
   */
  fill(name: string, place: { readonly root: string; readonly directory: string }, work: { copy: (destination: string) => Promise<void>; isShared: () => boolean }): Promise<void>;
  /** Bytes of the content of one of the local driver. */
  size(name: string): Promise<number>;
  /** Users of an earlier daemon that still run keep their mounts; other mounts of volumes go. */
  repair(users: ReadonlyMap<string, readonly string[]>): Promise<void>;
}
