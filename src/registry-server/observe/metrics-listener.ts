/** `/metrics` on an address of its own, for anyone who reaches it. */
import { createServer } from 'node:http';
import { fail, messageOf } from '#base/errors/failure.ts';
import type { ListenAddress } from '../server-options.ts';
import type { Metrics } from './metrics.ts';

/** @throws registry_server.cannot_listen */
export async function listenForMetrics({ host, port }: ListenAddress, metrics: Metrics): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    const isMetrics = request.url === '/metrics' && request.method === 'GET';
    response.writeHead(isMetrics ? 200 : 404, { 'Content-Type': 'text/plain; version=0.0.4' }).end(isMetrics ? metrics.text() : 'metrics are at /metrics\n');
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error) => reject(fail('registry_server.cannot_listen', { address: `${host}:${port}`, reason: messageOf(error) }, error)));
  server.listen({ port, ...(host === '' ? {} : { host }) }, () => resolve());
  await promise;
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
