/** Composes a registry server from its options: storage, authentication, upstreams, HTTP, garbage collection; disposing ends it in reverse. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { fail, messageOf } from '#base/errors/failure.ts';
import { openAuthenticator } from './auth/authenticator.ts';
import { listenForControl } from './control-socket.ts';
import { listenForMetrics } from './observe/metrics-listener.ts';
import { RegistryHttpServer } from './http/registry-http-server.ts';
import type { Services } from './http/services.ts';
import { AccessLog } from './observe/access-log.ts';
import { Metrics } from './observe/metrics.ts';
import type { ServerOptions, TlsOptions } from './server-options.ts';
import { BlobDemand } from './storage/blob-demand.ts';
import { BlobFiles } from './storage/blob-files.ts';
import { collectGarbage, type GarbageReport } from './storage/collect-garbage.ts';
import { Content } from './storage/content.ts';
import { RegistryDatabase } from './storage/registry-database.ts';
import { Uploads } from './storage/uploads.ts';

/** How often certificates are looked at, in milliseconds. */
const certificateInterval = 10_000;

export interface RegistryServer extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  /** Removes what nothing refers to; one collection at a time. */
  collect(options: { untagged?: boolean; grace?: number; uploadLifetime?: number }): Promise<GarbageReport>;
  /** Takes a changed certificate. @throws registry_server.unreadable_file */
  reload(): Promise<void>;
}

/** @throws registry_server.* */
export async function startRegistryServer(options: ServerOptions, warn: (message: string) => void): Promise<RegistryServer> {
  await using opening = new AsyncDisposableStack();
  await mkdir(options.storage, { recursive: true, mode: 0o700 });
  const database = opening.use(await RegistryDatabase.open(join(options.storage, 'registry.db')));
  const files = await BlobFiles.open(options.storage);
  const content = new Content(database, files);
  const uploads = opening.use(new Uploads(content, files));
  const metrics = new Metrics();
  // What it needs is loaded only where it is used.
  const upstreams = options.upstreams.length === 0 ? undefined : opening.use(new (await import('./proxy/upstreams.ts')).Upstreams({ options, content, files, uploads, metrics, warn }));
  const authenticator = await openAuthenticator(options);
  const services: Services = { options, content, files, uploads, demand: new BlobDemand(), authenticator, upstreams, metrics, warn };

  const ending = new AbortController();
  let collecting: Promise<unknown> = Promise.resolve();
  const collect: RegistryServer['collect'] = async (asked) => {
    const run = collecting.then(async () => {
      const { garbage } = options;
      const report = await collectGarbage({ content, files, uploads }, {
        grace: asked.grace ?? garbage.grace,
        uploadLifetime: asked.uploadLifetime ?? garbage.uploadLifetime,
        untagged: asked.untagged ?? garbage.untagged,
        ...(upstreams === undefined || garbage.copyLifetime === 0 ? {} : { unused: { isCopy: (repository: string) => upstreams.isCopy(repository), lifetime: garbage.copyLifetime } }),
        signal: ending.signal,
      });
      metrics.add('garbage_collections', 1);
      metrics.add('garbage_blobs', report.blobs);
      metrics.add('garbage_bytes', report.bytes);
      return report;
    });
    collecting = run.catch(() => undefined);
    return await run;
  };
  opening.defer(async () => {
    ending.abort();
    await collecting;
  });

  const log = options.accessLog === undefined ? undefined : opening.use(await AccessLog.open(options.accessLog));
  const server = opening.use(new RegistryHttpServer(services, { tls: options.tls === undefined ? undefined : await readTls(options.tls), log }));
  addGauges(metrics, services, server);
  if (options.metricsListen !== undefined) opening.use(await listenForMetrics(options.metricsListen, metrics));
  const address = await server.listen(options.listen);
  opening.use(await listenForControl(options.storage, { collect, warn }));

  let version = options.tls === undefined ? '' : await certificateVersion(options.tls);
  const reload = async (): Promise<void> => {
    if (options.tls === undefined) return;
    server.renewCertificate(await readTls(options.tls));
    version = await certificateVersion(options.tls);
  };
  const timers = [
    every(options.tls === undefined ? 0 : certificateInterval, async () => {
      if (options.tls !== undefined && (await certificateVersion(options.tls)) !== version) await reload();
    }, warn),
    every(options.garbage.interval, async () => void (await collect({})), warn),
  ];
  opening.defer(() => timers.forEach((timer) => clearInterval(timer)));
  const opened = opening.move();
  return { address, collect, reload, [Symbol.asyncDispose]: async () => await opened.disposeAsync() };
}

function addGauges(metrics: Metrics, { content, uploads }: Services, server: RegistryHttpServer): void {
  const names = { repositories: 'Repositories', manifests: 'Manifests', tags: 'Tags', blobs: 'Blobs', bytes: 'Bytes of all blobs' } as const;
  for (const [name, help] of Object.entries(names)) metrics.gauge({ name: `stored_${name}`, help: `${help} in the storage`, value: () => content.totals()[name as keyof typeof names] });
  metrics.gauge({ name: 'open_uploads', help: 'Uploads with an open file', value: () => uploads.open });
  metrics.gauge({ name: 'running_requests', help: 'Requests under way', value: () => server.requests });
  metrics.gauge({ name: 'resident_memory_bytes', help: 'Memory of the process', value: () => process.memoryUsage.rss() });
}

/** @throws registry_server.unreadable_file */
async function readTls({ certificate, key, clientAuthorities }: TlsOptions): Promise<SecureContextOptions & { requestCert?: boolean; rejectUnauthorized?: boolean }> {
  const read = async (what: string, path: string): Promise<string> => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw fail('registry_server.unreadable_file', { what, path, reason: messageOf(error) }, error);
    }
  };
  return {
    cert: await read('the certificate', certificate),
    key: await read("the certificate's key", key),
    ...(clientAuthorities === undefined ? {} : { ca: await read("the clients' authorities", clientAuthorities), requestCert: true, rejectUnauthorized: true }),
  };
}

async function certificateVersion({ certificate, key }: TlsOptions): Promise<string> {
  const states = await Promise.all([certificate, key].map(async (path) => await stat(path)));
  return states.map(({ mtimeMs, ino }) => `${mtimeMs} ${ino}`).join(' ');
}

/** Milliseconds; 0: never. One run at a time; what fails is told and tried again. */
function every(interval: number, work: () => Promise<void>, warn: (message: string) => void): NodeJS.Timeout | undefined {
  if (interval === 0) return undefined;
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    void work().catch((error: unknown) => warn(messageOf(error))).finally(() => (isRunning = false));
  }, interval);
  timer.unref();
  return timer;
}
