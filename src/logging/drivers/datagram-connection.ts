/** Datagrams over UDP to a log server. The name is resolved once, as Docker does. */
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { describeNetworkError } from '#registry/go-network-error.ts';
import { refuse } from './refuse.ts';

export class DatagramConnection {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #port: number;

  private constructor(socket: Socket, address: string, port: number) {
    this.#socket = socket;
    this.#address = address;
    this.#port = port;
    socket.on('error', () => undefined);
    socket.unref();
  }

  /** @throws logging.driver_refused when the name cannot be resolved */
  static async open(host: string, port: number): Promise<DatagramConnection> {
    let address = host;
    if (isIP(host) === 0) {
      try {
        ({ address } = await lookup(host === '' ? 'localhost' : host));
      } catch (error) {
        throw refuse(describeNetworkError(error, host).replace(/^dial tcp/, 'dial udp'));
      }
    }
    return new DatagramConnection(createSocket(isIP(address) === 6 ? 'udp6' : 'udp4'), address, port);
  }

  async send(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(bytes, this.#port, this.#address, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#socket.close();
  }
}
