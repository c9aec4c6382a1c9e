/**
 * Gives a connection that was read from before to HTTP/2. Node's HTTP/2 reads a socket below its stream, where bytes
 * that the stream holds already are not seen.
 */
import { duplexPair, type Duplex } from 'node:stream';

/** A stream of the same bytes; closing one closes the other. */
export function carryConnection(connection: Duplex): Duplex {
  const [inner, outer] = duplexPair();
  connection.pipe(inner).pipe(connection);
  // A broken connection ends the stream; who reads it tells.
  connection.on('error', () => undefined);
  inner.on('error', () => undefined);
  outer.once('close', () => {
    inner.destroy();
    connection.destroy();
  });
  connection.once('close', () => {
    inner.destroy();
    outer.destroy();
  });
  return outer;
}
