/** Follows a container's log to the container's end, through daemons that come and go. */
import { readThroughDaemons } from '#cli/next-daemon.ts';
import type { Output } from '#cli/streams/output.ts';
import { nowNanoseconds, parseTimestamp } from '#base/timestamp.ts';
import type { Client } from '#client/client.ts';
import type { LogOptions } from '#client/container-api.ts';
import type { ContainerInspect } from '#schema/container-config.ts';
import { framedMessages, rawMessages } from './log-messages.ts';
import { LogPosition } from './log-position.ts';

export interface FollowedLog {
  readonly client: Client;
  readonly container: ContainerInspect;
  readonly query: LogOptions;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly signal: AbortSignal;
}

export async function followLog({ client, container, query, stdout, stderr, signal }: FollowedLog): Promise<void> {
  const tail = /^\d+$/.test(query.tail ?? '') ? Number(query.tail) : undefined;
  const position = new LogPosition(tail !== undefined);
  const began = nowNanoseconds();
  let opened = false;
  const open = async (): Promise<AsyncIterable<Buffer>> => {
    const asked = opened ? { ...query, ...restOf(query, position, tail === 0 ? began : undefined), tail: 'all' } : query;
    if (opened) position.beginAgain();
    const log = await client.containers.logs(container.Id, { ...asked, timestamps: true });
    opened = true;
    return log;
  };
  const read = async (log: AsyncIterable<Buffer>): Promise<void> => {
    for await (const { stream, time, data, last } of container.Config.Tty ? rawMessages(log) : framedMessages(log)) {
      if (time !== undefined) position.begin(time);
      const fresh = position.take(data);
      if (last) position.end();
      const isWhole = fresh.length === data.length;
      const shown = query.timestamps === true && time !== undefined && time !== '' && isWhole ? Buffer.concat([Buffer.from(`${time} `), fresh]) : fresh;
      if (shown.length > 0) await (stream === 2 ? stderr : stdout).stream(shown);
    }
  };
  await readThroughDaemons({ transport: client.transport, signal, open, read });
}

/** From where on the log is asked for again. */
function restOf({ since }: LogOptions, position: LogPosition, began: bigint | undefined): Pick<LogOptions, 'since'> {
  const moment = position.time === '' ? began : parseTimestamp(position.time);
  if (moment === undefined) return since === undefined ? {} : { since };
  const seconds = moment / 1_000_000_000n;
  return { since: `${seconds}.${(moment - seconds * 1_000_000_000n).toString().padStart(9, '0')}` };
}
