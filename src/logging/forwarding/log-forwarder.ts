/**
 * Sends one container's log to its driver's server, in order, from the file that the shim writes. The file is the
 * buffer: while the server cannot be reached nothing is lost, and a daemon that comes later goes on where the last
 * one was. What a server may get twice is what was sent in the last moments before a crash.
 */
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '#base/errors/failure.ts';
import { ChangeWatcher } from '../change-watcher.ts';
import type { LogDriver, LogInfo, LogMessage, LogSink, Patience } from '../drivers/log-driver.ts';
import { readPosition, writePosition, type ForwardPosition } from './forward-position.ts';
import { MessageSource } from './message-source.ts';
import { tidyRotatedFiles } from './rotated-files.ts';

export interface ForwarderOptions {
  readonly path: string;
  readonly positionPath: string;
  readonly driver: LogDriver;
  readonly info: LogInfo;
  /** Files that stay once they are sent. */
  readonly maxFiles: number;
  readonly compress: boolean;
  readonly warn: (message: string) => void;
}

/** Milliseconds between notes of the position while there is much to send. */
const noteInterval = 100;
const firstPause = 100;
const longestPause = 5000;
/** A server that is away for less is not worth telling of. */
const toldAttempt = 3;

export class LogForwarder {
  readonly #options: ForwarderOptions;
  readonly #stop = new AbortController();
  readonly #source: MessageSource;
  #sink: LogSink | undefined;
  #watcher: ChangeWatcher | undefined;
  #over = false;
  #noted: ForwardPosition | undefined;
  #notedAt = 0;
  #fileBefore: number | undefined;
  readonly #patience: Patience | undefined;
  /** Messages that may still be sent of those that came while the server was away; undefined: it was not. */
  #room: number | undefined;
  #dropped = 0;
  readonly #drained: Promise<void>;

  /** @param sink one that is open already; undefined: it is opened, over and over, in the background */
  constructor(options: ForwarderOptions, sink: LogSink | undefined) {
    this.#options = options;
    this.#sink = sink;
    this.#source = new MessageSource(options.path);
    this.#patience = options.driver.patience?.(options.info.options);
    this.#drained = this.#run();
  }

  /** Nothing more is written: resolves when all is sent, or when {@link stop} was called. */
  finish(): Promise<void> {
    this.#over = true;
    this.#watcher?.notify();
    return this.#drained;
  }

  /** Gives up at once; a later forwarder goes on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#watcher?.notify();
    await this.#drained;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      using watcher = new ChangeWatcher(dirname(this.#options.path));
      this.#watcher = watcher;
      await this.#source.begin(readPosition(this.#options.positionPath));
      while (!signal.aborted) {
        const last = this.#over;
        const messages = await this.#source.next();
        if (messages.length > 0) {
          await this.#deliver(messages);
          await this.#note(false);
          continue;
        }
        this.#endOutage();
        await this.#note(true);
        if (last) break;
        await watcher.next();
        await this.#gather();
      }
    } catch (error) {
      if (!signal.aborted) this.#options.warn(`could not go on sending the log of ${this.#options.info.containerId}: ${messageOf(error)}; the next start of the container or daemon tries again`);
    } finally {
      this.#watcher = undefined;
      this.#sink?.close();
      await this.#source[Symbol.asyncDispose]();
    }
  }

  /** Waits for more messages to go with the first, where the driver likes them in batches. */
  async #gather(): Promise<void> {
    const { gathering = 0 } = this.#options.driver;
    const step = 50;
    for (let waited = 0; waited < gathering && !this.#over && !this.#stop.signal.aborted; waited += step) await delay(step, undefined, { ref: false });
  }

  async #deliver(batch: readonly LogMessage[]): Promise<void> {
    const { driver, info, warn } = this.#options;
    const { signal } = this.#stop;
    let messages = this.#withinLimit(batch);
    let attempt = 0;
    while (messages.length > 0) {
      try {
        this.#sink ??= await driver.open(info, signal, warn);
        await this.#sink.send(messages, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#sink?.close();
        this.#sink = undefined;
        attempt += 1;
        if (attempt === toldAttempt) warn(`the log of ${info.containerId} waits on disk: ${messageOf(error)}; it is sent when the server takes it`);
        if (this.#patience?.tries !== undefined && attempt > this.#patience.tries) {
          warn(`a message of container ${info.containerId} was given up after ${attempt} tries: ${messageOf(error)}; its log options limit them`);
          messages = messages.slice(1);
          attempt = 0;
          continue;
        }
        if (this.#patience?.waiting !== undefined && this.#room === undefined) {
          this.#room = this.#patience.waiting;
          messages = this.#withinLimit(messages);
        }
        await delay(this.#patience?.pause(attempt) ?? Math.min(firstPause * 2 ** (attempt - 1), longestPause), undefined, { signal, ref: false });
      }
    }
  }

  /** Of messages that have waited for a server that was away, as many as may. */
  #withinLimit(messages: readonly LogMessage[]): readonly LogMessage[] {
    if (this.#room === undefined) return messages;
    const kept = messages.slice(0, this.#room);
    this.#room -= kept.length;
    this.#dropped += messages.length - kept.length;
    return kept;
  }

  /** All that had waited is gone through. */
  #endOutage(): void {
    if (this.#dropped > 0) this.#options.warn(`${this.#dropped} messages of container ${this.#options.info.containerId} were dropped: more than ${this.#patience?.waiting} waited for the server, the limit of its log options`);
    this.#room = undefined;
    this.#dropped = 0;
  }

  async #note(now: boolean): Promise<void> {
    const { position } = this.#source;
    if (position === undefined) return;
    const moved = position.inode !== this.#noted?.inode || position.offset !== this.#noted.offset;
    if (!moved || (!now && performance.now() - this.#notedAt < noteInterval)) return;
    writePosition(this.#options.positionPath, position);
    this.#noted = position;
    this.#notedAt = performance.now();
    if (position.inode === this.#fileBefore) return;
    this.#fileBefore = position.inode;
    const { path, maxFiles, compress } = this.#options;
    await tidyRotatedFiles(path, { maxFiles, compress, needed: position.inode });
  }
}
