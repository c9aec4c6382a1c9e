/**
 * The registry server's process. `serve [--config FILE] [DOCUMENT]` serves until it is told to end, `check` only reads
 * the configuration, `gc [--storage DIR] …` has garbage collected. DOCUMENT is JSON like the file's and counts for more.
 */
import { isMainThread } from 'node:worker_threads';
import { EngineError, messageOf } from '#base/errors/failure.ts';
import { defaultStorage, readConfigurationFile, serverOptions, type ConfigurationDocument } from './configuration.ts';
import { askForCollection } from './control-socket.ts';
import { startRegistryServer } from './registry-server.ts';
import type { ServerOptions } from './server-options.ts';

// The bundle is one file: its threads begin here, too.
if (isMainThread) void main(process.argv.slice(2)).then((code) => process.exit(code));
else void import('./auth/password-worker.ts');

async function main([action = 'serve', ...args]: readonly string[]): Promise<number> {
  try {
    switch (action) {
      case 'check':
        serverOptions(readDocument(args));
        say('configuration OK');
        return 0;
      case 'gc':
        return await collect(args);
      case 'serve':
        return await serve(serverOptions(readDocument(args)));
      default:
        say(`there is no action ${action}: use serve, check or gc`);
        return 125;
    }
  } catch (error) {
    // Only bugs show where they come from.
    say(error instanceof EngineError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  }
}

async function serve(options: ServerOptions): Promise<number> {
  const ending = Promise.withResolvers<void>();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => ending.resolve());
  }
  await using server = await startRegistryServer(options, say);
  process.on('SIGHUP', () => void server.reload().catch((error: unknown) => say(messageOf(error))));
  process.on('unhandledRejection', (error) => say(`bug: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`));
  const { host, port } = server.address;
  say(`serving ${options.tls === undefined ? 'http' : 'https'} on ${host.includes(':') ? `[${host}]` : host}:${port}, storage ${options.storage}`);
  await ending.promise;
  say('stopping: requests under way are finished first');
  return 0;
}

async function collect(args: readonly string[]): Promise<number> {
  const document = readDocument(args.filter((argument) => argument !== '--untagged' && !argument.startsWith('--grace=')));
  const storage = typeof document['storage'] === 'string' ? document['storage'] : defaultStorage;
  const grace = args.find((argument) => argument.startsWith('--grace='))?.slice('--grace='.length);
  const report = await askForCollection(storage, { untagged: args.includes('--untagged'), grace });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return 0;
}

function readDocument(args: readonly string[]): ConfigurationDocument {
  let document: ConfigurationDocument = {};
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? '';
    if (argument === '--config') document = merge(document, readConfigurationFile(args[++index] ?? ''));
    else document = merge(document, JSON.parse(argument) as ConfigurationDocument);
  }
  return document;
}

/** Groups field by field, all else as a whole. */
function merge(base: ConfigurationDocument, over: ConfigurationDocument): ConfigurationDocument {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const old = merged[name];
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value) && typeof old === 'object' && old !== null;
    merged[name] = isGroup ? { ...old, ...value } : value;
  }
  return merged;
}

function say(message: string): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message })}\n`);
}
