/**
 * What happens to containers' logs besides their being written: sent on to servers by the drivers that do that, and
 * compressed once they are rotated. Everything can be taken up again by a later daemon.
 */
import { rm, stat } from 'node:fs/promises';
import { isFailure, messageOf } from '#base/errors/failure.ts';
import { remoteDrivers } from '#logging/drivers/driver-table.ts';
import type { LogSink } from '#logging/drivers/log-driver.ts';
import { LogForwarder } from '#logging/forwarding/log-forwarder.ts';
import { tidyRotatedFiles } from '#logging/forwarding/rotated-files.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import type { EnginePaths } from '../engine-paths.ts';
import { logInfoOf, logKeepingOf, refused, type LogKeeping } from './log-options.ts';

/** Milliseconds a container's end waits for the last of its log to be sent; the rest is sent in the background. */
const endPatience = 2000;
/** Milliseconds between looks for files to compress. */
const compressInterval = 1000;

interface Compressing {
  readonly path: string;
  readonly keeping: LogKeeping;
  lastInode: number | undefined;
  busy: Promise<void> | undefined;
}

export class LogDelivery implements AsyncDisposable {
  readonly #paths: EnginePaths;
  readonly #warn: (message: string) => void;
  readonly #forwarders = new Map<string, LogForwarder>();
  readonly #compressing = new Map<string, Compressing>();
  #timer: NodeJS.Timeout | undefined;

  constructor(paths: EnginePaths, warn: (message: string) => void) {
    this.#paths = paths;
    this.#warn = warn;
  }

  /** Connects to the driver's server before a start. Undefined: there is none. @throws container.start_failed with Docker's text */
  async connect(record: ContainerRecord, signal: AbortSignal): Promise<LogSink | undefined> {
    const driver = remoteDrivers.get(record.hostConfig.LogConfig.Type);
    if (driver === undefined) return undefined;
    try {
      return await driver.open(logInfoOf(record), signal, this.#warn);
    } catch (error) {
      if (isFailure(error, 'logging.driver_refused')) throw refused(messageOf(error));
      throw error;
    }
  }

  /** The container runs: from here on its log is delivered. @param sink of {@link connect}; undefined: connect in the background */
  async begin(record: ContainerRecord, sink: LogSink | undefined): Promise<void> {
    const { id } = record;
    const { LogConfig } = record.hostConfig;
    const driver = remoteDrivers.get(LogConfig.Type);
    const keeping = logKeepingOf(LogConfig);
    if (keeping === undefined) return;
    const path = this.#paths.logPath(id);
    if (driver === undefined) {
      if (keeping.compress) this.#watchRotation(id, { path, keeping, lastInode: undefined, busy: undefined });
      return;
    }
    // What an earlier run of the container left is sent first: the position says where it begins.
    await this.#forwarders.get(id)?.stop();
    const options = { path, positionPath: this.#paths.logPositionPath(id), driver, info: logInfoOf(record), maxFiles: keeping.maxFiles, compress: keeping.compress, warn: this.#warn };
    this.#forwarders.set(id, new LogForwarder(options, sink));
  }

  /** The container has ended and its log is whole. */
  async end(id: string): Promise<void> {
    const compressing = this.#compressing.get(id);
    if (compressing !== undefined) {
      this.#compressing.delete(id);
      this.#compress(compressing);
    }
    const forwarder = this.#forwarders.get(id);
    if (forwarder === undefined) return;
    const finished = forwarder.finish().then(() => {
      if (this.#forwarders.get(id) === forwarder) this.#forwarders.delete(id);
    });
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([finished, new Promise<void>((resolve) => (timer = setTimeout(resolve, endPatience)))]);
    clearTimeout(timer);
  }

  /** Takes up what an earlier daemon left: the log of a container that runs, or the rest of one that ended. */
  async adopt(record: ContainerRecord, running: boolean): Promise<void> {
    if (!running && !remoteDrivers.has(record.hostConfig.LogConfig.Type)) return;
    await this.begin(record, undefined);
    if (!running) void this.#forwarders.get(record.id)?.finish();
  }

  /** The container is going: nothing of its log is sent any more. */
  async drop(id: string): Promise<void> {
    this.#compressing.delete(id);
    const forwarder = this.#forwarders.get(id);
    this.#forwarders.delete(id);
    await forwarder?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    const compressing = [...this.#compressing.values()].map(({ busy }) => busy);
    this.#compressing.clear();
    await Promise.all([...[...this.#forwarders.values()].map((forwarder) => forwarder.stop()), ...compressing]);
  }

  #watchRotation(id: string, compressing: Compressing): void {
    this.#compressing.set(id, compressing);
    this.#timer ??= setInterval(() => {
      for (const each of this.#compressing.values()) this.#compress(each);
    }, compressInterval).unref();
  }

  #compress(compressing: Compressing): void {
    compressing.busy ??= this.#compressRotated(compressing).finally(() => (compressing.busy = undefined));
  }

  async #compressRotated(compressing: Compressing): Promise<void> {
    const { path, keeping } = compressing;
    try {
      const newest = await stat(`${path}.1`).catch(() => undefined);
      if (newest === undefined || newest.ino === compressing.lastInode) return;
      compressing.lastInode = newest.ino;
      await tidyRotatedFiles(path, { maxFiles: keeping.maxFiles, compress: true, needed: undefined });
    } catch (error) {
      this.#warn(`could not compress rotated files of ${path}: ${messageOf(error)}; they stay as they are`);
      await rm(`${path}.compressing`, { force: true });
    }
  }
}
