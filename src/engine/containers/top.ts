/** The processes of a container as `ps` shows them: Docker's `top`. */
import { listProcesses } from '#kernel/process-list.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './engine-parts.ts';

export async function topOf(parts: EngineParts, record: ContainerRecord, psArguments: string): Promise<{ Titles: string[]; Processes: string[][] }> {
  const { titles, rows } = await listProcesses(psArguments, parts.runtime.processes(record));
  return { Titles: titles, Processes: rows };
}
