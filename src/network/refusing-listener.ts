/** Holds a TCP port that nothing is relayed from: whoever gets through to it is turned away at once, and does not wait. */
import { createServer, type Server } from 'node:net';

export class RefusingListener implements Disposable {
  readonly #server: Server;

  /** @param descriptor a listening socket, closed when this is disposed */
  constructor(descriptor: number, warn: (message: string) => void) {
    this.#server = createServer((client) => client.resetAndDestroy());
    this.#server.on('error', (error) => warn(`port without relay: ${error.message}`));
    this.#server.listen({ fd: descriptor });
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}
