/** `POST /containers/{id}/attach`: what was logged, then the process's own streams, running or to be started. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import type { AttachRequest } from '../contract.ts';
import { ClientChoice, joinClient } from './attach-client.ts';
import { publishContainerEvent } from './container-events.ts';
import { defaultDetachKeys, parseDetachKeys } from './detach-keys.ts';
import type { EngineParts } from './engine-parts.ts';
import { isReadable } from '../processes/log-options.ts';

/**
 * Checks the request; `join` then serves the client until it leaves, detaches, or the output ends.
 * @throws container.not_found, container.attach_paused, container.attach_restarting, errors of the detach keys
 */
export async function attachToContainer(
  { registry, events, live, paths, readLog }: EngineParts,
  reference: string,
  request: AttachRequest,
): Promise<{ terminal: boolean; join: (client: Duplex, signal: AbortSignal) => Promise<void> }> {
  if (request.detachKeys !== '') parseDetachKeys(request.detachKeys, 'detach');
  const record = registry.resolve(reference);
  if (record.state.status === 'paused') throw fail('container.attach_paused', { name: reference });
  if (record.state.status === 'restarting') throw fail('container.attach_restarting', { name: reference });
  const terminal = record.config.Tty;
  const keys = request.detachKeys === '' ? defaultDetachKeys : request.detachKeys;
  const detachKeys = terminal && request.stdin ? parseDetachKeys(keys) : undefined;
  const container = live.of(record.id);
  const choice = {
    stdin: request.stdin && record.config.OpenStdin,
    stdout: request.stdout,
    stderr: request.stderr,
  };
  publishContainerEvent(events, record, 'attach');
  const join = async (client: Duplex, signal: AbortSignal): Promise<void> => {
    if (request.logs && record.startedBefore && isReadable(record.hostConfig.LogConfig)) {
      const past = readLog({
        path: paths.logPath(record.id),
        stdout: request.stdout,
        stderr: request.stderr,
        since: undefined,
        until: undefined,
        tail: undefined,
        timestamps: false,
        details: false,
        multiplexed: !terminal,
        followUntil: undefined,
        signal,
      });
      for await (const chunk of past) {
        if (!client.write(chunk)) await once(client, 'drain', { signal });
      }
    }
    if (!request.stream || !(choice.stdin || choice.stdout || choice.stderr)) {
      client.end();
      return;
    }
    const place = new ClientChoice(choice, client, detachKeys);
    const stream = container.process !== undefined ? await container.process.attach(place) : await container.awaitStart(place, signal);
    if (stream === undefined) {
      place.connection?.wake();
      client.end();
      return;
    }
    const outcome = await joinClient(stream, client, { stdin: choice.stdin, detachKeys, signal, connection: place.connection });
    if (outcome === 'detached') publishContainerEvent(events, registry.get(record.id) ?? record, 'detach');
  };
  return { terminal, join };
}
