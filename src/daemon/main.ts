/** The daemon: reads its options, claims its roots, repairs, serves, and ends on a signal without a container noticing. */
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createApiServer } from '#api/api-server.ts';

import { EngineError, fail, messageOf } from '#base/errors/failure.ts';
import { product } from '#engine/product.ts';
import { notifyServiceManager } from '#kernel/service-manager.ts';
import { composeEngine } from './compose-engine.ts';
import { findRuntimes } from './find-runtimes.ts';
import { createLog, type Log } from './log.ts';
import { readDaemonCommand, type DaemonOptions } from './options.ts';
import { claimDaemon } from './pid-file.ts';
import { registryConfiguration } from './registry-configuration.ts';

const defaultBridge = 'dhow0';
const defaultCgroupParent = '/dhow';
const shimPath = fileURLToPath(new URL('../../build/dhow-shim', import.meta.url));
const initPath = fileURLToPath(new URL('../../build/dhow-init', import.meta.url));

// Threads of the pool take the namespaces of the moment in which they are made: have them before any is entered.
await stat('/');
const exitCode = await main(process.argv.slice(2));
// All that matters is closed by now; a timer or an idle socket of some part must not keep an ended daemon alive.
process.exit(exitCode);

async function main(given: readonly string[]): Promise<number> {
  let log: Log | undefined;
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
        process.stderr.write('configuration OK\n');
        return 0;
      case 'run':
        log = createLog({ level: command.options.logLevel, format: command.options.logFormat });
        await serve(command.options, log);
        return 0;
    }
  } catch (error) {
    // Only bugs show where they come from.
    const text = error instanceof EngineError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (log === undefined) process.stderr.write(`failed to start daemon: ${text}\n`);
    else log.error(`failed to start daemon: ${text}`);
    return 1;
  }
}

async function serve(options: DaemonOptions, log: Log): Promise<void> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, end);
  for (const warning of options.warnings) log.warn(warning);

  await using opened = new AsyncDisposableStack();
  opened.use(await claimDaemon({ dataRoot: options.dataRoot, pidFile: options.pidFile }));
  const runtimes = await findRuntimes(Object.fromEntries(Object.entries(options.runtimes).map(([name, { path }]) => [name, path])), ending.signal);
  const composed = opened.use(
    await composeEngine({
      dataRoot: options.dataRoot,
      executionRoot: options.execRoot,
      bridgeName: options.bridge ?? defaultBridge,
      bip: options.bip,
      storageDriver: storageDriverOf(options.storageDriver),
      labels: options.labels,
      debug: options.debug,
      liveRestore: options.liveRestore,
      cgroupParent: options.cgroupParent ?? defaultCgroupParent,
      runtimes,
      defaultRuntime: options.defaultRuntime ?? 'runc',
      shimPath,
      initPath,
      registries: registryConfiguration(options, process.env),
      dns: { servers: options.dns, search: options.dnsSearch, options: options.dnsOptions },
      log: (level, message) => (level === 'warning' ? log.warn(message) : level === 'error' ? log.error(message) : log.info(message)),
    }),
  );
  const { adopted, ended, restarted } = composed.recovery;
  if (adopted + ended + restarted > 0) log.info(`took up ${adopted} running containers, booked ${ended} that had ended, restarts ${restarted}`);

  const server = opened.use(createApiServer({ engine: composed.engine, log, socketGroup: options.group }));
  for (const host of options.hosts) {
    await server.listen(host);
  }
  notifyServiceManager('READY=1');
  process.on('SIGHUP', () => log.warn('reloading the configuration is not possible yet: restart the daemon, containers go on meanwhile'));
  process.on('unhandledRejection', (error) => log.error(`bug: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`));
  if (!ending.signal.aborted) await new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve(), { once: true }));
  log.info('stopping; containers run on');
  notifyServiceManager('STOPPING=1');
}

/** @throws daemon.invalid_option with dockerd's text */
function storageDriverOf(name: string | undefined): 'overlay2' | 'vfs' | undefined {
  if (name === undefined || name === 'overlay2' || name === 'vfs') return name;
  throw fail('daemon.invalid_option', { message: `error initializing graphdriver: driver not supported: ${name}` });
}
