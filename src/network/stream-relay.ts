/**
 * Passes TCP connections on to a container: those that the kernel's translation does not reach, which are
 * the IPv6 ones. Each direction ends on its own, and a slow reader slows the writer.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

export class StreamRelay implements Disposable {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  /** @param descriptor a listening socket, closed when the relay is disposed */
  constructor(descriptor: number, target: RelayTarget, warn: (message: string) => void) {
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true }, (client) => this.#relay(client, target));
    this.#server.on('error', (error) => warn(`relay to ${target.address}:${target.port}: ${error.message}`));
    this.#server.listen({ fd: descriptor });
  }

  #relay(client: Socket, target: RelayTarget): void {
    const container = connect({ host: target.address, port: target.port, allowHalfOpen: true, noDelay: true, keepAlive: true });
    for (const [socket, other] of [[client, container], [container, client]] as const) {
      this.#connections.add(socket);
      // A broken connection is told to the other side as what it is, not as an orderly end.
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => this.#connections.delete(socket));
    }
    container.once('connect', () => {
      client.pipe(container);
      container.pipe(client);
    });
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }
}
