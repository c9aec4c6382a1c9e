/**
 * The resolver at 127.0.0.11 of every container on a user-defined network: names of containers from the
 * directory, everything else from name servers. Its sockets are inside the containers' namespaces.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { readHostResolver } from '../host-resolver.ts';
import { addressBytes, ipv6Text } from '#kernel/netlink/ipv6-bytes.ts';
import type { Sandbox } from '../contract.ts';
import { Forwarder } from './forwarder.ts';
import { encodeName, makeAnswer, makeFailure, readQuestion, recordType, responseCode, type Question } from './message.ts';
import { NameDirectory } from './name-directory.ts';
import type { ResolverSockets } from './resolver-sockets.ts';
import { FrameReader, frame } from './stream-frames.ts';

/** Seconds; as Docker's. */
const lifetime = 600;
const quietMilliseconds = 10_000;
const connectionLimit = 64;
const pendingLimit = 1024;
/** How long the host's list of servers is taken for right. */
const serversMilliseconds = 1000;

interface Resolver {
  readonly datagrams: DatagramSocket;
  readonly server: Server;
  readonly connections: Set<Socket>;
  readonly servers: readonly string[];
}

export class NameService implements Disposable {
  readonly #directory = new NameDirectory();
  readonly #forwarder: Forwarder;
  readonly #resolvers = new Map<string, Resolver>();
  readonly #warn: (message: string) => void;
  #pending = 0;
  #hostServers: readonly string[] = [];
  #hostServersReadAt = -Infinity;

  constructor(options: { warn: (message: string) => void; forwarder?: Forwarder }) {
    this.#warn = options.warn;
    this.#forwarder = options.forwarder ?? new Forwarder();
  }

  serves(containerId: string): boolean {
    return this.#resolvers.has(containerId);
  }

  /** Answers at these sockets. @param servers asked for by the container; none: the host's */
  serve(containerId: string, sockets: ResolverSockets, servers: readonly string[]): void {
    const datagrams = createSocket('udp4');
    datagrams.on('error', (error) => this.#warn(`resolver of container ${containerId.slice(0, 12)}: ${error.message}`));
    datagrams.on('message', (query, sender) => {
      const reply = (answer: Buffer | undefined): void => {
        if (answer !== undefined && this.#resolvers.get(containerId) === resolver) datagrams.send(answer, sender.port, sender.address, ignoreLoss);
      };
      const answer = this.#answer(containerId, query, 'datagram');
      if (answer instanceof Promise) void answer.then(reply);
      else reply(answer);
    });
    datagrams.bind({ fd: sockets.datagrams });
    const connections = new Set<Socket>();
    const server = createServer((connection) => this.#converse(containerId, connection, connections));
    server.maxConnections = connectionLimit;
    server.on('error', (error) => this.#warn(`resolver of container ${containerId.slice(0, 12)}: ${error.message}`));
    server.listen({ fd: sockets.connections });
    // Containers do not keep the engine from ending.
    datagrams.unref();
    server.unref();
    const resolver: Resolver = { datagrams, server, connections, servers };
    this.#resolvers.set(containerId, resolver);
  }

  /** Makes the container known under its names, or brings them up to date. */
  add(containerId: string, containerName: string, sandbox: Sandbox): void {
    this.#directory.put(containerId, containerName, sandbox);
  }

  /** Forgets the container and ends its resolver. */
  remove(containerId: string): void {
    this.#directory.delete(containerId);
    const resolver = this.#resolvers.get(containerId);
    if (resolver === undefined) return;
    this.#resolvers.delete(containerId);
    resolver.datagrams.close();
    resolver.server.close();
    for (const connection of resolver.connections) connection.destroy();
  }

  #converse(containerId: string, connection: Socket, connections: Set<Socket>): void {
    const frames = new FrameReader();
    connections.add(connection);
    connection.setTimeout(quietMilliseconds, () => connection.destroy());
    // A client that breaks off needs no answer.
    connection.on('error', () => connection.destroy());
    connection.on('close', () => connections.delete(connection));
    connection.on('data', (chunk) => {
      for (const query of frames.push(chunk)) {
        void Promise.resolve(this.#answer(containerId, query, 'stream')).then((answer) => {
          if (answer === undefined || connection.destroyed) return;
          // A client that asks and does not read is left.
          if (!connection.write(frame(answer)) && connection.writableLength > 1 << 20) connection.destroy();
        });
      }
    });
  }

  #answer(containerId: string, query: Buffer, transport: 'datagram' | 'stream'): Buffer | undefined | Promise<Buffer | undefined> {
    const question = readQuestion(query);
    if (question === undefined) return makeFailure(query, responseCode.notImplemented);
    const local = this.#localAnswer(containerId, query, question);
    if (local !== undefined) return local;
    if (!this.#directory.reachesOutside(containerId) || this.#pending >= pendingLimit) return makeFailure(query, responseCode.serverFailure);
    return this.#forward(containerId, query, question, transport);
  }

  #localAnswer(containerId: string, query: Buffer, question: Question): Buffer | undefined {
    const { name, type } = question;
    if (type === recordType.pointer) {
      const address = addressOfPointer(name);
      const holder = address === undefined ? undefined : this.#directory.reverse(containerId, address);
      return holder === undefined ? undefined : makeAnswer(query, question, { code: responseCode.success, type, lifetime, data: [encodeName(holder)] });
    }
    const addresses = this.#directory.lookUp(containerId, name);
    if (addresses.length === 0) return undefined;
    // The name is there, though it has no record of another kind.
    const data = shuffled(addresses.filter((address) => type === (address.includes(':') ? recordType.aaaa : recordType.a))).map(addressBytes);
    return makeAnswer(query, question, { code: responseCode.success, type, lifetime, data });
  }

  async #forward(containerId: string, query: Buffer, question: Question, transport: 'datagram' | 'stream'): Promise<Buffer | undefined> {
    this.#pending += 1;
    try {
      const own = this.#resolvers.get(containerId)?.servers ?? [];
      const answer = await this.#forwarder.ask(query, question, own.length > 0 ? own : this.#serversOfHost(), transport);
      return answer ?? makeFailure(query, responseCode.serverFailure);
    } finally {
      this.#pending -= 1;
    }
  }

  /** The host's file may change at any time: it is followed. */
  #serversOfHost(): readonly string[] {
    const now = performance.now();
    if (now - this.#hostServersReadAt > serversMilliseconds) {
      this.#hostServers = readHostResolver(true).servers;
      this.#hostServersReadAt = now;
    }
    return this.#hostServers;
  }

  [Symbol.dispose](): void {
    for (const containerId of [...this.#resolvers.keys()]) this.remove(containerId);
  }
}

/** `4.3.2.1.in-addr.arpa`, or 32 hexadecimal digits before `ip6.arpa`, as the address it stands for. */
function addressOfPointer(name: string): string | undefined {
  const numbers = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (numbers !== null) return numbers.slice(1).reverse().join('.');
  const digits = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  return digits === undefined ? undefined : ipv6Text(Buffer.from(digits.replaceAll('.', '').split('').reverse().join(''), 'hex'));
}

/** Clients take the first: each gets its turn. */
function shuffled(addresses: readonly string[]): string[] {
  const list = [...addresses];
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [list[last], list[other]] = [list[other] ?? '', list[last] ?? ''];
  }
  return list;
}

/** What does not arrive is asked again by the client, as with every datagram. */
function ignoreLoss(): void {}
