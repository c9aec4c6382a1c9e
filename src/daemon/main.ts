/** The daemon: reads its options, claims its roots, repairs, serves, and ends on a signal without a container noticing. */
import { stat } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApiServer } from '#api/api-server.ts';
import { ListeningSockets } from '#api/connection/listener.ts';

import { EngineError, fail, messageOf } from '#base/errors/failure.ts';
import { product } from '#engine/product.ts';
import { returnFreedMemory } from '#kernel/memory-allocator.ts';
import { notifyServiceManager } from '#kernel/service-manager.ts';
import { composeEngine } from './compose-engine.ts';
import { findRuntimes } from './find-runtimes.ts';
import { keepIdleMemoryLow } from './idle-memory.ts';
import { createLog, type AdjustableLog } from './log.ts';
import { LiveConfiguration } from './live-configuration.ts';
import { EngineMetrics } from './metrics/engine-metrics.ts';
import { serveMetrics } from './metrics/metrics-server.ts';
import { readDaemonCommand, type DaemonOptions } from './options.ts';
import { handoverSignal, passedSockets, socketsOf, takeHandover, writeHandover } from './handover.ts';
import { awaitRelease, claimDaemon, daemonOf } from './pid-file.ts';
import { registryConfiguration } from './registry-configuration.ts';
import { checkUserRemapping, createDefaultAccount, readAccountFiles, readUserRemapping, remappedDataRoot } from './user-remapping.ts';
import { Reloader } from './reloader.ts';

const defaultBridge = 'dhow0';
/** Milliseconds that the daemon before may take to finish what it was asked for. */
const handoverLimit = 120_000;
const shimPath = fileURLToPath(new URL('../../build/dhow-shim', import.meta.url));
const initPath = fileURLToPath(new URL('../../build/dhow-init', import.meta.url));

// Threads of the pool take the namespaces of the moment in which they are made: have them before any is entered.
await stat('/');
const exitCode = await main(process.argv.slice(2));
// All that matters is closed by now; a timer or an idle socket of some part must not keep an ended daemon alive.
process.exit(exitCode);

async function main(given: readonly string[]): Promise<number> {
  let log: AdjustableLog | undefined;
  try {
    const command = readDaemonCommand(given);
    switch (command.kind) {
      case 'help':
        process.stdout.write(command.text);
        return 0;
      case 'version':
        process.stdout.write(`Dhow version ${product.version}, compatible with Docker ${product.engineVersion.split('+')[0] ?? ''}\n`);
        return 0;
      case 'validate':
        if (command.options.usernsRemap !== undefined) await checkUserRemapping(command.options.usernsRemap, readAccountFiles);
        process.stderr.write('configuration OK\n');
        return 0;
      case 'run':
        log = createLog({ level: command.options.logLevel, format: command.options.logFormat });
        await serve(given, command.options, log);
        return 0;
    }
  } catch (error) {
    // Only bugs show where they come from.
    const text = error instanceof EngineError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (log === undefined) process.stderr.write(`${text}\n`);
    else log.error(`failed to start daemon: ${text}`);
    return 1;
  }
}

async function serve(args: readonly string[], given: DaemonOptions, log: AdjustableLog): Promise<void> {
  returnFreedMemory();
  const ending = new AbortController();
  const handing = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => ending.abort());
  process.on(handoverSignal, () => handing.abort());
  for (const warning of given.warnings) log.warn(warning);
  const mapping = given.usernsRemap === undefined ? undefined : await readUserRemapping(given.usernsRemap, readAccountFiles, createDefaultAccount);
  if (given.usernsRemap !== undefined && mapping === undefined) log.warn('User namespaces: root cannot be remapped with itself; user namespaces are OFF');
  const options = mapping === undefined ? given : { ...given, dataRoot: remappedDataRoot(given.dataRoot, mapping) };

  await using opened = new AsyncDisposableStack();
  const predecessor = options.replace ? await daemonOf(options.dataRoot) : undefined;
  const sockets = opened.use(new ListeningSockets({
    group: options.group ?? 'docker',
    environment: process.env,
    tls: options.tls,
    inherited: predecessor === undefined ? passedSockets(process.env) : socketsOf(predecessor),
  }));
  // What there is to serve is given up before the sockets are.
  const state = opened.use(new AsyncDisposableStack());
  if (predecessor === undefined) state.use(await claimDaemon(options));
  for (const host of options.hosts) await sockets.open(host);
  if (predecessor !== undefined) {
    log.info(`taking over from the daemon with PID ${predecessor}`);
    process.kill(predecessor, handoverSignal);
    await awaitRelease(options.dataRoot, AbortSignal.any([ending.signal, AbortSignal.timeout(handoverLimit)]));
    state.use(await claimDaemon(options));
  }

  let metrics: EngineMetrics | undefined;
  if (options.metricsAddress !== undefined) state.use(await serveMetrics(options.metricsAddress, () => metrics));
  const runtimePlace = { directory: join(options.dataRoot, 'runtimes'), warn: (message: string) => log.warn(message) };
  const configuration = new LiveConfiguration(options, await findRuntimes(options.runtimes, runtimePlace, ending.signal), initPath);
  const composed = state.use(
    await composeEngine({
      dataRoot: options.dataRoot,
      executionRoot: options.execRoot,
      bridgeName: options.bridge ?? defaultBridge,
      network: options.network,
      storageDriver: storageDriverOf(options.storageDriver),
      layerSize: options.layerSize,
      mapping,
      cgroupParent: options.cgroupParent,
      cgroupDriver: options.cgroupDriver,
      shimPath,
      registries: registryConfiguration(configuration),
      configuration,
      handed: await takeHandover(options.execRoot),
      log: (level, message) => (level === 'warning' ? log.warn(message) : level === 'error' ? log.error(message) : log.info(message)),
    }),
  );
  const { adopted, ended, restarted } = composed.recovery;
  if (adopted + ended + restarted > 0) log.info(`took up ${adopted} running containers, booked ${ended} that had ended, restarts ${restarted}`);

  const reloader = new Reloader({
    args, configuration, log,
    findRuntimes: async (wanted) => findRuntimes(wanted, runtimePlace, ending.signal),
    publish: (attributes) => composed.events.publish({ type: 'daemon', action: 'reload', id: composed.engineId, attributes: { ...attributes, name: hostname() } }),
  });
  const counted = new EngineMetrics(composed);
  metrics = counted;
  const server = opened.use(createApiServer({ onServed: (request) => counted.note(request), engine: composed.engine, log, sockets, closingGrace: options.shutdownTimeout * 1000 }));
  opened.use(keepIdleMemoryLow());
  // A daemon that is killed writes none of it at its end.
  setTimeout(flushCompileCache, 2000).unref();
  notifyServiceManager(`READY=1\nMAINPID=${process.pid}`);
  process.on('SIGHUP', () => void reloader.reload());
  process.on('unhandledRejection', (error) => log.error(`bug: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`));
  await aborted(AbortSignal.any([ending.signal, handing.signal]));
  if (ending.signal.aborted) {
    log.info('stopping; containers run on');
    notifyServiceManager('STOPPING=1');
    await writeHandover(options.execRoot, await composed.handOver());
    return;
  }
  log.info('handing over to the next daemon');
  await server.retire(configuration.shutdownTimeout * 1000);
  await writeHandover(options.execRoot, await composed.handOver());
  await state.disposeAsync();
  log.info('handed over; clients that are attached are served on');
  await Promise.race([server.idle(), aborted(ending.signal)]);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** @throws daemon.invalid_option with dockerd's text */
function storageDriverOf(name: string | undefined): 'overlay2' | 'fuse-overlayfs' | 'vfs' | undefined {
  if (name === undefined || name === 'overlay2' || name === 'fuse-overlayfs' || name === 'vfs') return name;
  if (['aufs', 'devicemapper', 'overlay'].includes(name)) {
    const reason = `[graphdriver] ERROR: the ${name} storage-driver has been deprecated and removed; visit https://docs.docker.com/go/storage-driver/ for more information`;
    throw fail('daemon.invalid_option', { message: `error initializing graphdriver: ${reason}` });
  }
  throw fail('daemon.invalid_option', { message: `error initializing graphdriver: driver not supported: ${name}` });
}
