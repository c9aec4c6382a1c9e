/** How the administrator of the storage talks to its server: HTTP on `control.sock` in the storage, which only its owner can open. */
import { rm } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { parseGoDuration } from '#base/go-duration.ts';
import type { GarbageReport } from './storage/collect-garbage.ts';

export interface ControlActions {
  collect(options: { untagged?: boolean; grace?: number }): Promise<GarbageReport>;
  warn(message: string): void;
}

/** Longer names no socket can have (unix(7)). */
const longestPath = 107;

export async function listenForControl(storage: string, actions: ControlActions): Promise<AsyncDisposable> {
  const path = join(storage, 'control.sock');
  if (Buffer.byteLength(path) > longestPath) {
    actions.warn(`garbage can only be collected on schedule: the name ${path} is too long for a socket`);
    return { [Symbol.asyncDispose]: async () => undefined };
  }
  // The storage is ours alone, so this is what a dead server has left.
  await rm(path, { force: true });
  const server = createServer((incoming, response) => {
    incoming.resume();
    const url = new URL(incoming.url ?? '/', 'http://control');
    const run = async (): Promise<[number, unknown]> => {
      if (incoming.method !== 'POST' || url.pathname !== '/garbage') return [404, { message: 'no such action' }];
      const text = url.searchParams.get('grace');
      const grace = text === null ? undefined : parseGoDuration(text);
      if (text !== null && (grace === undefined || grace < 0)) return [400, { message: `"${text}" is no duration such as 90s, 15m or 24h` }];
      const report = await actions.collect({ ...(url.searchParams.get('untagged') === 'true' ? { untagged: true } : {}), ...(grace === undefined ? {} : { grace: Number(grace) / 1e6 }) });
      return [200, report];
    };
    run()
      .catch((error: unknown): [number, unknown] => [500, { message: messageOf(error) }])
      .then(([status, body]) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body)))
      .catch((error: unknown) => actions.warn(messageOf(error)));
  });
  // A collection may take long.
  server.requestTimeout = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, () => resolve());
  await promise;
  chmodSync(path, 0o600);
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

/** Asks the server of a storage to collect garbage. @throws registry_server.not_running */
export async function askForCollection(storage: string, options: { untagged: boolean; grace: string | undefined }): Promise<GarbageReport> {
  const query = new URLSearchParams({ untagged: String(options.untagged), ...(options.grace === undefined ? {} : { grace: options.grace }) });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const asked = request({ socketPath: join(storage, 'control.sock'), method: 'POST', path: `/garbage?${query.toString()}` }, resolve);
  asked.once('error', (error) => reject(fail('registry_server.not_running', { path: storage }, error)));
  asked.end();
  const answer = await promise;
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  const document: unknown = JSON.parse(text);
  if (answer.statusCode !== 200) throw new Error((document as { message: string }).message);
  return document as GarbageReport;
}
