/** Servers for log drivers, on this machine: each keeps what it gets. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

export interface LogServer extends AsyncDisposable {
  readonly port: number;
  readonly received: Buffer;
  /** Ends the connections and takes no more until {@link resume}. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** @param answer what to say to each chunk */
export async function streamServer(answer?: (chunk: Buffer) => Buffer | undefined): Promise<LogServer> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const text = answer?.(chunk);
      if (text !== undefined) socket.write(text);
    });
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const pause = async (): Promise<void> => {
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    get received() {
      return Buffer.concat(chunks);
    },
    pause,
    resume: () => listen(port),
    [Symbol.asyncDispose]: pause,
  };
}

export async function datagramServer(): Promise<{ readonly port: number; readonly received: readonly Buffer[] } & AsyncDisposable> {
  const received: Buffer[] = [];
  const socket = createSocket('udp4', (message) => received.push(message));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, received, [Symbol.asyncDispose]: async () => void socket.close() };
}
