/** What this process may hand down to processes of containers: resource limits and the out-of-memory score. */
import { readFileSync } from 'node:fs';

export interface ResourceLimit {
  /** `Infinity`: unlimited. */
  readonly soft: number;
  readonly hard: number;
}

/** Rows of /proc/self/limits by the name Docker's `--ulimit` uses. */
const rows: Readonly<Record<string, string>> = {
  core: 'Max core file size',
  cpu: 'Max cpu time',
  data: 'Max data size',
  fsize: 'Max file size',
  locks: 'Max file locks',
  memlock: 'Max locked memory',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  nofile: 'Max open files',
  nproc: 'Max processes',
  rss: 'Max resident set',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
  sigpending: 'Max pending signals',
  stack: 'Max stack size',
};

/** Limits of this process by Docker's names. */
export function ownResourceLimits(): Readonly<Record<string, ResourceLimit>> {
  const text = readFileSync('/proc/self/limits', 'utf8');
  const limits: Record<string, ResourceLimit> = {};
  for (const [name, title] of Object.entries(rows)) {
    const line = text.split('\n').find((candidate) => candidate.startsWith(title));
    const [soft, hard] = line?.slice(title.length).trim().split(/\s+/) ?? [];
    if (soft !== undefined && hard !== undefined) limits[name] = { soft: parse(soft), hard: parse(hard) };
  }
  return limits;
}

/** The score a child starts with; without CAP_SYS_RESOURCE it cannot get a lower one. */
export function ownOutOfMemoryScore(): number {
  return Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
}

function parse(text: string): number {
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}
