/**
 * Passes UDP datagrams on to a container and its answers back, from the address they were sent to. Keeps
 * one socket per client until it has been quiet for a while; what cannot be passed on is dropped, as
 * datagrams are.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { RelayTarget } from './stream-relay.ts';

const quietMilliseconds = 90_000;
const clientLimit = 1024;
const queueLimit = 64;

interface Client {
  readonly socket: Socket;
  /** Datagrams that came before the socket was connected. */
  waiting: Buffer[] | undefined;
  lastUsed: number;
}

export class DatagramRelay implements Disposable {
  readonly #listeners: Socket[];
  /** In the order of their last datagram, oldest first. */
  readonly #clients = new Map<string, Client>();
  readonly #target: RelayTarget;
  readonly #sweep: NodeJS.Timeout;

  /** @param descriptors bound IPv4 or IPv6 sockets, closed when the relay is disposed */
  constructor(descriptors: readonly { fd: number; six: boolean }[], target: RelayTarget, warn: (message: string) => void) {
    this.#target = target;
    this.#listeners = descriptors.map(({ fd, six }, index) => {
      const listener = createSocket(six ? 'udp6' : 'udp4');
      listener.on('error', (error) => warn(`relay to ${target.address}:${target.port}: ${error.message}`));
      listener.on('message', (datagram, sender) => this.#forward(`${index} ${sender.address} ${sender.port}`, datagram, (answer) => {
        listener.send(answer, sender.port, sender.address, ignoreLoss);
      }));
      listener.bind({ fd });
      return listener;
    });
    this.#sweep = setInterval(() => this.#dropQuiet(), quietMilliseconds / 3);
    this.#sweep.unref();
  }

  #forward(key: string, datagram: Buffer, answer: (datagram: Buffer) => void): void {
    const client = this.#clients.get(key) ?? this.#open(key, answer);
    // Set anew, it is the last in order.
    this.#clients.delete(key);
    this.#clients.set(key, client);
    client.lastUsed = Date.now();
    if (client.waiting === undefined) client.socket.send(datagram, ignoreLoss);
    else if (client.waiting.length < queueLimit) client.waiting.push(datagram);
  }

  #open(key: string, answer: (datagram: Buffer) => void): Client {
    const [oldest] = this.#clients.keys();
    if (this.#clients.size >= clientLimit && oldest !== undefined) this.#drop(oldest);
    const client: Client = { socket: createSocket(this.#target.address.includes(':') ? 'udp6' : 'udp4'), waiting: [], lastUsed: 0 };
    client.socket.on('message', (datagram) => {
      client.lastUsed = Date.now();
      answer(datagram);
    });
    // Refused by the container, for one: the next datagram tries again.
    client.socket.on('error', () => this.#drop(key));
    client.socket.once('connect', () => {
      const waiting = client.waiting ?? [];
      client.waiting = undefined;
      for (const datagram of waiting) client.socket.send(datagram, ignoreLoss);
    });
    client.socket.connect(this.#target.port, this.#target.address);
    return client;
  }

  #dropQuiet(): void {
    const limit = Date.now() - quietMilliseconds;
    for (const [key, client] of this.#clients) if (client.lastUsed < limit) this.#drop(key);
  }

  #drop(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    this.#clients.delete(key);
    client.socket.close();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweep);
    for (const listener of this.#listeners) listener.close();
    for (const key of Array.from(this.#clients.keys())) this.#drop(key);
  }
}

function ignoreLoss(): void {
  // Datagrams may be lost; there is nobody to tell.
}
