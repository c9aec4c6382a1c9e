/** A client's SSH agent as a socket on this machine, for as long as it is needed. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { BuildSession } from './build-session.ts';

export interface AgentSocketOptions {
  readonly session: BuildSession;
  readonly id: string;
  /** Where it is made; its directory is the caller's to remove. */
  readonly path: string;
  readonly signal: AbortSignal;
}

export class AgentSocket implements AsyncDisposable {
  readonly path: string;
  readonly #server: Server;
  readonly #stop: AbortController;

  private constructor(path: string, server: Server, stop: AbortController) {
    this.path = path;
    this.#server = server;
    this.#stop = stop;
  }

  static async open({ session, id, path, signal }: AgentSocketOptions): Promise<AgentSocket> {
    const stop = new AbortController();
    const server = createServer({ allowHalfOpen: true }, (socket) => void forward(socket, session, id, AbortSignal.any([signal, stop.signal])));
    server.listen(path);
    await once(server, 'listening');
    return new AgentSocket(path, server, stop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Carries one client's bytes to the agent and back. */
async function forward(socket: Socket, session: BuildSession, id: string, signal: AbortSignal): Promise<void> {
  const close = (): void => void socket.destroy();
  signal.addEventListener('abort', close, { once: true });
  try {
    const agent = session.agent(id, signal);
    const upward = (async () => {
      for await (const chunk of socket as AsyncIterable<Buffer>) await agent.send(chunk);
      agent.end();
    })();
    for await (const chunk of agent.chunks) if (!socket.write(chunk)) await once(socket, 'drain', { signal });
    socket.end();
    await upward;
  } catch {
    // A client of the agent sees its connection end; the step tells what came of it.
    socket.destroy();
  } finally {
    signal.removeEventListener('abort', close);
  }
}
