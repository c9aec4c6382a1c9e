/** What the engine needs of plugins that others run beside it: Docker's legacy plugin protocol. Implemented in this folder. */

/** What a plugin can stand for, as it says itself when it is activated. */
export type PluginSubsystem = 'VolumeDriver';

/** A plugin that has been activated. */
export interface Plugin {
  readonly name: string;
  /**
   * `POST /<method>` with a JSON body. @param options.timeout milliseconds for one attempt
   * @param options.patient tries again, for some fifteen seconds, while nobody answers at its address
   * @throws plugin.unreachable, plugin.refused
   */
  call(method: string, body: unknown, options: { readonly timeout: number; readonly patient: boolean; readonly signal?: AbortSignal | undefined }): Promise<unknown>;
}

export interface PluginRegistry {
  /**
   * Finds and activates it, or answers the one activated before.
   * @param options.patient waits some fifteen seconds for it to appear @throws plugin.not_found, plugin.unreachable, plugin.not_implemented
   */
  require(name: string, subsystem: PluginSubsystem, options: { readonly patient: boolean; readonly signal?: AbortSignal | undefined }): Promise<Plugin>;
  /** Every plugin of this kind that can be found and answers now. */
  all(subsystem: PluginSubsystem): Promise<Plugin[]>;
  /** Names of those activated up to now, sorted. */
  activated(subsystem: PluginSubsystem): string[];
}
