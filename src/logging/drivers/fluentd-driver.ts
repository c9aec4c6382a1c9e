/** The fluentd driver: the forward protocol's message mode over TCP, TLS or a unix socket, with acknowledgements where asked for. */
import { randomBytes } from 'node:crypto';
import { quoteText } from '#base/template/go-quote.ts';
import { extraAttributes, tagOf } from './log-attributes.ts';
import type { LogDriver, LogMessage, LogSink } from './log-driver.ts';
import { packArray, packMap, packText, packTime, readAcknowledgement } from './message-pack.ts';
import { fluentdOptions, fluentdSettings } from './fluentd-options.ts';
import { refuseUnknown } from './refuse.ts';
import { StreamConnection } from './stream-connection.ts';
import { systemTrust } from './tls-options.ts';

/** Milliseconds for a connection to come about, and how each further wait for the server grows: those of Docker's library. */
const connectPatience = 3000;
const growth = 1.5;
const longestWait = 60_000;
const standardWait = 1000;

export const fluentdDriver: LogDriver = {
  validate(options) {
    refuseUnknown(options, fluentdOptions, (name) => `unknown log opt '${name}' for fluentd log driver`);
    fluentdSettings(options);
  },

  patience(options) {
    const { retryWait, retries, waiting } = fluentdSettings(options);
    if (retryWait === undefined && retries === undefined && waiting === undefined) return undefined;
    const wait = retryWait ?? standardWait;
    return { tries: retries, waiting, pause: (attempt) => (attempt === 1 ? 0 : Math.min(longestWait, wait * Math.trunc(growth ** (attempt - 2)))) };
  },

  async open(info, signal) {
    const settings = fluentdSettings(info.options);
    const tag = packText(tagOf(info));
    const common: (readonly [string, string])[] = [
      ['container_id', info.containerId],
      ['container_name', info.containerName],
    ];
    const attributes = Object.entries(extraAttributes(info));
    // Asynchronous: the container starts whether or not there is a server; what it writes waits on disk.
    const { address } = settings;
    const connect = async (limit: AbortSignal): Promise<StreamConnection> => {
      const target = 'tls' in address ? { ...address, tls: { ...address.tls, ...(await systemTrust()) } } : address;
      const opened = await StreamConnection.open(target, limit, connectPatience);
      connectedAt = performance.now();
      return opened;
    };
    let connectedAt = 0;
    let connection = settings.async ? undefined : await connect(signal);
    return {
      async send(messages, limit) {
        if (settings.async && settings.reconnectInterval > 0 && performance.now() - connectedAt > settings.reconnectInterval) {
          connection?.close();
          connection = undefined;
        }
        connection ??= await connect(limit);
        const bounded = settings.writeTimeout === 0 ? limit : AbortSignal.any([limit, AbortSignal.timeout(settings.writeTimeout)]);
        const encode = (message: LogMessage, option: Buffer): Buffer =>
          packArray([tag, packTime(message.time, settings.precise), packMap(recordOf(message, [...common, ...attributes])), option]);
        if (!settings.acknowledged) return connection.write(Buffer.concat(messages.map((message) => encode(message, packMap([])))), bounded);
        for (const message of messages) {
          const chunk = randomBytes(16).toString('base64');
          await connection.write(encode(message, packMap([['chunk', chunk]])), bounded);
          await connection.receive((bytes) => readAck(bytes, chunk), bounded);
        }
      },
      close: () => connection?.close(),
    } satisfies LogSink;
  },
};

/** @throws Error when the server acknowledges something else */
function readAck(bytes: Buffer, chunk: string): number {
  const answer = readAcknowledgement(bytes);
  if (answer === undefined) return 0;
  if (answer.text !== chunk) throw new Error(`the fluentd server acknowledged ${quoteText(answer.text)} instead of ${quoteText(chunk)}`);
  return answer.length;
}

function recordOf(message: LogMessage, common: readonly (readonly [string, string])[]): (readonly [string, Buffer | string])[] {
  const { partial } = message;
  const entries = new Map<string, Buffer | string>([['source', message.stream], ['log', message.line]]);
  for (const [key, value] of common) entries.set(key, value);
  if (partial !== undefined) {
    entries.set('partial_message', 'true').set('partial_id', partial.id).set('partial_ordinal', String(partial.ordinal)).set('partial_last', String(partial.last));
  }
  return [...entries];
}
