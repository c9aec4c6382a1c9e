/** `explain`: one verdict on why a container is as it is, with its proof and its last words. */
import type { Explanation, ExplanationLine } from '#schema/explanation.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import { isRunning } from '../containers/container-state.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import { isReadable } from '../processes/log-options.ts';
import { describeHealth, explainEnding, type Verdict } from './explain-ending.ts';
import { obstacleOf } from './start-obstacles.ts';

const shownLines = 10;
const frameHeader = 8;
/** The exit code of a runtime whose execve(2) failed. */
const refusedByKernel = 255;

export async function explainContainer(parts: EngineParts, reference: string, signal: AbortSignal): Promise<Explanation> {
  const record = parts.registry.resolve(reference);
  const lines = await lastLines(parts, record, signal);
  const { cause, verdict, evidence, nextStep } = withRuntimeWords(verdictOf(record), record, lines);
  return {
    Id: record.id,
    Name: `/${record.name}`,
    Status: record.state.status,
    Cause: cause,
    Verdict: verdict,
    Evidence: [...evidence],
    LastLines: lines,
    NextStep: nextStep,
    ExitCode: record.state.exitCode,
    RestartCount: record.restartCount,
  };
}

function verdictOf(record: ContainerRecord): Verdict {
  const { state, ending } = record;
  if (isRunning(state)) return ofRunning(record);
  if (state.error !== '' && (ending === undefined || !ending.lost || ending.at !== state.finishedAt)) {
    const { cause, verdict, nextStep } = obstacleOf(state.error);
    return { cause, verdict: `its last start failed: ${verdict}`, evidence: [`the start ended with: ${state.error}`, ...(state.exitCode === 0 ? [] : [`exit code ${state.exitCode} stands for a start that failed`])], nextStep };
  }
  if (ending === undefined) return { cause: 'never-started', verdict: 'it was created and never started', evidence: [`created at ${record.created}`], nextStep: `start it: start ${record.name}` };
  const verdict = explainEnding(ending);
  if (state.status !== 'restarting') return verdict;
  return {
    ...verdict,
    cause: 'restarting',
    verdict: `it keeps ending and is started again (${record.restartCount} times so far); last time: ${verdict.verdict}`,
    evidence: [...verdict.evidence, `its restart policy is ${record.hostConfig.RestartPolicy.Name}`],
  };
}

/** A program that the kernel finds unfit only when it is executed: the runtime says so in the container's own log. */
function withRuntimeWords(verdict: Verdict, { state }: ContainerRecord, lines: readonly ExplanationLine[]): Verdict {
  const said = lines.findLast(({ Stream, Line }) => Stream === 'stderr' && /^exec .*: exec format error$/.test(Line));
  if (said === undefined || verdict.cause !== 'failed' || state.exitCode !== refusedByKernel) return verdict;
  const obstacle = obstacleOf(said.Line);
  return { ...obstacle, evidence: [...verdict.evidence, `the runtime could not execute it: ${said.Line}`] };
}

function ofRunning(record: ContainerRecord): Verdict {
  const { state, ending, restartCount } = record;
  const evidence = [`running since ${state.startedAt}, process ${state.pid}`];
  if (restartCount > 0) evidence.push(`started again ${restartCount} ${restartCount === 1 ? 'time' : 'times'} by the engine`);
  if (ending !== undefined) evidence.push(`before, it ended at ${ending.at}: ${explainEnding(ending).verdict}`);
  if (state.status === 'paused') return { cause: 'paused', verdict: 'it is paused: its processes exist and do not run', evidence, nextStep: `go on: unpause ${record.name}` };
  if (state.health?.status === 'unhealthy') {
    return { cause: 'unhealthy', verdict: 'it runs, but its health check fails', evidence: [...evidence, describeHealth(state.health)], nextStep: 'see what the probe says (`inspect --format "{{json .State.Health}}"`)' };
  }
  return { cause: 'running', verdict: 'it is running', evidence, nextStep: 'nothing is wrong' };
}

/** The tail of its log, where that can be read here. */
async function lastLines(parts: EngineParts, record: ContainerRecord, signal: AbortSignal): Promise<ExplanationLine[]> {
  if (!record.startedBefore || !isReadable(record.hostConfig.LogConfig)) return [];
  const chunks: Buffer[] = [];
  const log = parts.readLog({
    path: parts.paths.logPath(record.id), stdout: true, stderr: true, since: undefined, until: undefined, tail: shownLines,
    timestamps: false, details: false, multiplexed: true, followUntil: undefined, signal,
  });
  for await (const chunk of log) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const lines: ExplanationLine[] = [];
  for (let at = 0; at + frameHeader <= bytes.length; ) {
    const end = at + frameHeader + bytes.readUInt32BE(at + 4);
    lines.push({ Stream: bytes[at] === 2 ? 'stderr' : 'stdout', Line: bytes.toString('utf8', at + frameHeader, end).replace(/\r?\n$/, '') });
    at = end;
  }
  return lines;
}
