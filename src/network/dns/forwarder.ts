/**
 * Passes questions about the outside on to name servers, all of them at once, and gives the first answer
 * that says something. Messages go through as they are, with whatever extensions they have.
 */
import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { connect, isIPv6 } from 'node:net';
import { AnswerCache } from './answer-cache.ts';
import { answers, codeOf, responseCode, type Question } from './message.ts';
import { FrameReader, frame } from './stream-frames.ts';

const serverLimit = 3;
const patience = 4000;
/** A datagram may be lost: it is sent once more. */
const repeatAfter = 1500;
const port = 53;

export class Forwarder {
  readonly #cache = new AnswerCache();
  readonly #port: number;

  /** @param options.port where name servers listen; tests have their own */
  constructor(options: { port?: number } = {}) {
    this.#port = options.port ?? port;
  }

  /** Undefined when no server answered in time. */
  async ask(query: Buffer, question: Question, servers: readonly string[], transport: 'datagram' | 'stream'): Promise<Buffer | undefined> {
    const identifier = query.readUInt16BE(0);
    const key = `${transport} ${servers.join(' ')} ${query.toString('latin1', 2)}`;
    const kept = this.#cache.get(key, identifier);
    if (kept !== undefined) return kept;
    // Numbers of the containers' choosing could be guessed by others.
    const outgoing = Buffer.from(query);
    outgoing.writeUInt16BE(randomInt(65536), 0);
    const ask = transport === 'datagram' ? askByDatagram : askByStream;
    const answer = await firstUseful(servers.slice(0, serverLimit).map((server) => (signal: AbortSignal) => ask(outgoing, question, { server, port: this.#port }, signal)));
    if (answer === undefined) return undefined;
    answer.writeUInt16BE(identifier, 0);
    this.#cache.put(key, answer);
    return answer;
  }
}

type Attempt = (signal: AbortSignal) => Promise<Buffer | undefined>;

/** An answer that knows the name, or knows that there is none, ends the race; a failure only when nobody knew more. */
async function firstUseful(attempts: readonly Attempt[]): Promise<Buffer | undefined> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), patience);
  try {
    return await new Promise<Buffer | undefined>((resolve) => {
      let open = attempts.length;
      let failure: Buffer | undefined;
      if (open === 0) resolve(undefined);
      for (const attempt of attempts) {
        void attempt(ending.signal).then((answer) => {
          open -= 1;
          const code = answer === undefined ? undefined : codeOf(answer);
          if (code === responseCode.success || code === responseCode.nameError) resolve(answer);
          failure ??= answer;
          if (open === 0) resolve(failure);
        });
      }
    });
  } finally {
    clearTimeout(timer);
    ending.abort();
  }
}

/** Undefined when the server cannot be reached or the signal aborts first. */
function askByDatagram(query: Buffer, question: Question, target: { server: string; port: number }, signal: AbortSignal): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(target.server) ? 'udp6' : 'udp4');
    let connected = false;
    let done = false;
    const repeat = setTimeout(() => connected && socket.send(query, ignoreLoss), repeatAfter);
    const end = (answer: Buffer | undefined): void => {
      if (done) return;
      done = true;
      signal.removeEventListener('abort', onAbort);
      clearTimeout(repeat);
      socket.close();
      resolve(answer);
    };
    const onAbort = (): void => end(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    // Connected: answers of others are not taken, and a closed port is told.
    socket.on('error', () => end(undefined));
    socket.on('message', (message) => {
      if (answers(message, query, question)) end(message);
    });
    socket.once('connect', () => {
      connected = true;
      if (!done) socket.send(query, ignoreLoss);
    });
    socket.connect(target.port, target.server);
  });
}

function askByStream(query: Buffer, question: Question, target: { server: string; port: number }, signal: AbortSignal): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.server, port: target.port, signal });
    const frames = new FrameReader();
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(undefined));
    socket.on('data', (chunk) => {
      for (const message of frames.push(chunk)) {
        if (!answers(message, query, question)) continue;
        resolve(message);
        socket.destroy();
      }
    });
    socket.write(frame(query));
  });
}

/** What does not arrive is asked again by the client, as with every datagram. */
function ignoreLoss(): void {}
