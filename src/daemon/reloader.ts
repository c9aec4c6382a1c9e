/** Reads the configuration anew when told to: all of it comes to hold, or none. */
import { messageOf } from '#base/errors/failure.ts';
import type { OciRuntime } from '#engine/engine-configuration.ts';
import type { LiveConfiguration } from './live-configuration.ts';
import type { AdjustableLog } from './log.ts';
import { readDaemonCommand } from './options.ts';
import type { RuntimeOption } from './runtime-options.ts';

export interface ReloaderParts {
  /** The daemon's command line: it holds further, with what the file says now. */
  readonly args: readonly string[];
  readonly configuration: LiveConfiguration;
  readonly log: AdjustableLog;
  readonly findRuntimes: (wanted: Readonly<Record<string, RuntimeOption>>) => Promise<Readonly<Record<string, OciRuntime>>>;
  /** Tells of it as an event. */
  readonly publish: (attributes: Record<string, string>) => void;
}

export class Reloader {
  readonly #parts: ReloaderParts;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
  }

  /** One after another: the last one asked for counts. Never fails; what is wrong is logged, and what held before holds on. */
  async reload(): Promise<void> {
    this.#running = this.#running.then(() => this.#reload());
    return this.#running;
  }

  async #reload(): Promise<void> {
    const { args, configuration, log, findRuntimes, publish } = this.#parts;
    try {
      const command = readDaemonCommand(args);
      if (command.kind !== 'run') return;
      const attributes = configuration.reload(command.options, await findRuntimes(command.options.runtimes));
      log.level = configuration.current.debug ? 'debug' : command.options.logLevel;
      log.info('Reloaded configuration', attributes);
      publish(attributes);
    } catch (error) {
      log.error(`the configuration was not reloaded, what held before holds on: ${messageOf(error)}`);
    }
  }
}
