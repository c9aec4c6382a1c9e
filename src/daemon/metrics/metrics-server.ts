/** Serves the metrics at `metrics-addr`, as Docker does: `GET /metrics`, and nothing else. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fail, messageOf } from '#base/errors/failure.ts';
import type { EngineMetrics } from './engine-metrics.ts';

/**
 * @param address `host:port`; without host: all of the machine's
 * @param metricsOf undefined as long as there is nothing to tell
 * @throws daemon.invalid_option with Docker's words for an address that is none, or taken
 */
export async function serveMetrics(address: string, metricsOf: () => EngineMetrics | undefined): Promise<AsyncDisposable> {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address) ?? [];
  if (port === undefined || Number(port) > 65_535) throw fail('daemon.invalid_option', { message: `failed to start metrics server: invalid metrics-addr ${address}: it must be host:port, such as 127.0.0.1:9323` });
  const host = bracketed ?? plain ?? '';
  const server = createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }).end('404 page not found\n');
      return;
    }
    const metrics = metricsOf();
    if (metrics === undefined) return void response.writeHead(503, { 'Content-Type': 'text/plain; charset=utf-8' }).end('the daemon is starting\n');
    metrics.text().then(
      (text) => response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' }).end(request.method === 'HEAD' ? undefined : text),
      (error: unknown) => response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${messageOf(error)}\n`),
    );
  });
  server.listen({ port: Number(port), ...(host !== '' && { host }) });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw fail('daemon.invalid_option', { message: `failed to start metrics server: listen tcp ${address}: ${messageOf(error)}` }, error);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
