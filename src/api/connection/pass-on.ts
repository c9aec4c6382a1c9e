/** Passes a connection on to whoever listens now where it came in: for clients that came to a daemon just when it was replaced. */
import { connect, type Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import type { ListenAddress } from './listen-address.ts';

/** Resolves when both have ended. A connection that cannot be passed on is closed. */
export async function passOn(socket: Socket, addresses: readonly ListenAddress[]): Promise<void> {
  const next = nextOf(socket, addresses);
  if (next === undefined) return void socket.destroy();
  for (const [one, other] of [[socket, next], [next, socket]] as const) {
    one.on('error', () => other.destroy());
    one.pipe(other);
  }
  await Promise.allSettled([finished(socket), finished(next)]);
}

function nextOf(socket: Socket, addresses: readonly ListenAddress[]): Socket | undefined {
  const { localAddress, localPort } = socket;
  if (localAddress !== undefined && localPort !== undefined) {
    const isOurs = addresses.some((address) => address.kind === 'tcp' && address.port === localPort);
    return isOurs ? connect({ host: localAddress, port: localPort, allowHalfOpen: true, noDelay: true }) : undefined;
  }
  const [path] = addresses.flatMap((address) => (address.kind === 'unix' ? [address.path] : []));
  // Of several unix sockets nobody can say which it was; they lead to the same daemon.
  return path === undefined ? undefined : connect({ path, allowHalfOpen: true });
}
