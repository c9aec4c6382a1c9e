/**
 * One daemon after another without a gap. The next one (`--replace`) copies the sockets that the daemon before listens
 * on, tells it by SIGUSR2 to hand over, and waits for its lock. The one before finishes what was asked of it, writes
 * down what is not in the database, gives the data root up, and goes on only to pass bytes for clients that are attached.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListenAddress } from '#api/connection/listen-address.ts';
import { passedDescriptors, type InheritedSocket } from '#api/connection/listener.ts';
import type { EngineHandover } from '#engine/engine.ts';
import { copyDescriptor, listeningSocketsOf, type ListeningSocket } from '#kernel/listening-sockets.ts';
import { readSysctl } from '#kernel/sysctl.ts';

export const handoverSignal = 'SIGUSR2';

interface WrittenHandover extends EngineHandover {
  /** Processes do not outlive a boot. */
  readonly boot: string;
}

function fileIn(execRoot: string): string {
  return join(execRoot, 'handover.json');
}

export async function writeHandover(execRoot: string, handover: EngineHandover): Promise<void> {
  const written: WrittenHandover = { ...handover, boot: bootId() };
  const file = fileIn(execRoot);
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(written), { mode: 0o600 });
  await rename(draft, file);
}

/** What the daemon before has written, which is taken once; undefined where it wrote nothing, or in another boot. */
export async function takeHandover(execRoot: string): Promise<EngineHandover | undefined> {
  const file = fileIn(execRoot);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  await rm(file);
  // It is put in its place whole, and only daemons write there.
  const written = JSON.parse(text) as WrittenHandover;
  return written.boot === bootId() ? { execs: written.execs } : undefined;
}

function bootId(): string {
  return readSysctl('kernel.random.boot_id') ?? '';
}

/** Copies of the sockets that another daemon listens on, by address; undefined for an address it has not. */
export function socketsOf(pid: number): (address: ListenAddress) => InheritedSocket | undefined {
  const sockets = listeningSocketsOf(pid);
  return (address) => {
    const found = findFor(address, sockets);
    return found === undefined ? undefined : { descriptor: copyDescriptor(pid, found.descriptor), owned: true };
  };
}

/** The sockets that systemd has opened for this daemon, by address: it keeps them whatever becomes of daemons. */
export function passedSockets(environment: NodeJS.ProcessEnv): (address: ListenAddress) => InheritedSocket | undefined {
  const passed = new Set(passedDescriptors(environment));
  const sockets = passed.size === 0 ? [] : listeningSocketsOf(process.pid).filter(({ descriptor }) => passed.has(descriptor));
  return (address) => {
    const found = findFor(address, sockets);
    return found === undefined ? undefined : { descriptor: found.descriptor, owned: false };
  };
}

function findFor(address: ListenAddress, sockets: readonly ListeningSocket[]): ListeningSocket | undefined {
  return sockets.find((socket) => {
    if (address.kind === 'unix') return socket.kind === 'unix' && isPlaceOf(socket.path, address.path);
    return address.kind === 'tcp' && socket.kind === 'tcp' && socket.port === address.port;
  });
}

/** Sockets are bound under a draft's name, that of the place with a pid, and then put there. */
function isPlaceOf(bound: string, path: string): boolean {
  return bound === path || (bound.startsWith(`${path}.`) && /^\d+$/.test(bound.slice(path.length + 1)));
}
