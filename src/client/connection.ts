/** A connection to a daemon, however it is made: a socket, or the streams of a program that leads there. */
import type { Duplex } from 'node:stream';

export type Connection = Duplex & {
  /** Keeps the program from ending while it is open. */
  ref(): unknown;
  unref(): unknown;
};
