/** What the interfaces of a process's network namespace have carried, proc_pid_net(5). */
import { readFileSync } from 'node:fs';
import { failedWith } from './failed-with.ts';

export interface NetworkCounters {
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly receiveErrors: number;
  readonly receiveDrops: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly sendErrors: number;
  readonly sendDrops: number;
}

/** By the interface's name; empty when the process has ended. */
export function readNetworkCounters(pid: number): Map<string, NetworkCounters> {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  } catch (error) {
    // A process that is just ending has no namespaces any more.
    if (failedWith(error, 'ENOENT') || failedWith(error, 'ESRCH') || failedWith(error, 'EINVAL')) return new Map();
    throw error;
  }
  return parseNetworkCounters(text);
}

/** Two lines of headings, then one per interface: eight receive and eight transmit columns. */
export function parseNetworkCounters(text: string): Map<string, NetworkCounters> {
  const found = new Map<string, NetworkCounters>();
  for (const line of text.split('\n').slice(2)) {
    const colon = line.lastIndexOf(':');
    if (colon < 0) continue;
    const columns = line.slice(colon + 1).trim().split(/\s+/).map(Number);
    const [receivedBytes = 0, receivedPackets = 0, receiveErrors = 0, receiveDrops = 0, , , , , sentBytes = 0, sentPackets = 0, sendErrors = 0, sendDrops = 0] = columns;
    found.set(line.slice(0, colon).trim(), { receivedBytes, receivedPackets, receiveErrors, receiveDrops, sentBytes, sentPackets, sendErrors, sendDrops });
  }
  return found;
}
