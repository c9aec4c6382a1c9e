/**
 * Notices that the client of a stream has gone away altogether. The end of its sending half says no more than
 * that there is no more input; whether anybody reads the output shows only in writing, and a silent process
 * writes nothing. A write of no bytes fails with EPIPE on a unix socket whose other end is closed
 * (unix_stream_sendmsg in Linux), and does nothing otherwise.
 */
import type { Socket } from 'node:net';

const interval = 1000;

/** From the end of the client's input on, closes the socket once the client is gone. */
export function watchDeparture(socket: Socket): void {
  let timer: NodeJS.Timeout | undefined;
  socket.once('end', () => {
    timer = setInterval(() => {
      // Bytes that wait to be written find out by themselves.
      if (socket.writable && socket.writableLength === 0) socket.write('');
    }, interval).unref();
  });
  socket.once('close', () => clearInterval(timer));
}
