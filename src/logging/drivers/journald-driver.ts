/** The journald driver: the journal's native protocol (systemd's JOURNAL_NATIVE_PROTOCOL), with Docker's fields. */
import { randomBytes } from 'node:crypto';
import { formatTimestamp } from '#base/timestamp.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { journalSocket } from '#kernel/system-log.ts';
import { UnixDatagramSocket } from '#kernel/unix-datagram.ts';
import { extraAttributes, tagOf } from './log-attributes.ts';
import type { LogDriver, LogMessage, LogSink } from './log-driver.ts';
import { refuse, refuseUnknown } from './refuse.ts';

const none: ReadonlySet<string> = new Set();
const priority = { stdout: '6', stderr: '3' } as const;

export function createJournaldDriver(socketPath: string = journalSocket): LogDriver {
  return {
    validate: (options) => refuseUnknown(options, none, (name) => `unknown log opt '${name}' for journald log driver`),

    async open(info) {
      const socket = openJournal(socketPath);
      try {
        const tag = tagOf(info);
        const fixed: Readonly<Record<string, string>> = {
          CONTAINER_ID: info.containerId.slice(0, 12),
          CONTAINER_ID_FULL: info.containerId,
          CONTAINER_NAME: info.containerName.replace(/^\//, ''),
          CONTAINER_TAG: tag,
          IMAGE_NAME: info.imageName,
          SYSLOG_IDENTIFIER: tag,
          CONTAINER_LOG_EPOCH: randomBytes(32).toString('hex'),
          ...extraAttributes(info, fieldName),
        };
        let ordinal = 0;
        return {
          async send(messages, signal) {
            for (const message of messages) {
              ordinal += 1;
              await socket.sendOrPass(encodeEntry({ ...fixed, ...fieldsOf(message), CONTAINER_LOG_ORDINAL: String(ordinal) }, message), signal);
            }
          },
          close: () => socket[Symbol.dispose](),
        } satisfies LogSink;
      } catch (error) {
        socket[Symbol.dispose]();
        throw error;
      }
    },
  };
}

function openJournal(path: string): UnixDatagramSocket {
  try {
    return new UnixDatagramSocket(path);
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ECONNREFUSED', 'EPROTOTYPE')) throw refuse('journald is not enabled on this host');
    throw error;
  }
}

/** Upper case letters, digits and underscores, none of these in front. */
function fieldName(key: string): string {
  return key.toUpperCase().replace(/[^A-Z0-9]/g, '_').replace(/^_+/, '');
}

function fieldsOf(message: LogMessage): Record<string, string> {
  const { partial } = message;
  return {
    SYSLOG_TIMESTAMP: formatTimestamp(message.time),
    ...(partial !== undefined && {
      CONTAINER_PARTIAL_ID: partial.id,
      CONTAINER_PARTIAL_ORDINAL: String(partial.ordinal),
      CONTAINER_PARTIAL_LAST: String(partial.last),
      ...(!partial.last && { CONTAINER_PARTIAL_MESSAGE: 'true' }),
    }),
  };
}

/** Values with line feeds carry their length (64 bits, little-endian) instead of an equals sign. */
export function encodeEntry(fields: Readonly<Record<string, string>>, message: LogMessage): Buffer {
  const parts: Buffer[] = [field('PRIORITY', Buffer.from(priority[message.stream])), field('MESSAGE', message.line)];
  for (const [name, value] of Object.entries(fields)) if (name !== '') parts.push(field(name, Buffer.from(value)));
  return Buffer.concat(parts);
}

function field(name: string, value: Buffer): Buffer {
  if (!value.includes(10)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from('\n')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from('\n')]);
}
