/** Why a container's process ended: one verdict from what was kept of its end. Pure. */
import { binarySize } from '#base/human-size.ts';
import type { ExplanationCause } from '#schema/explanation.ts';
import type { Ending, Requester, SentSignal } from '../containers/ending.ts';
import { signalNameOf } from '../containers/signal-name.ts';

export interface Verdict {
  readonly cause: ExplanationCause;
  readonly verdict: string;
  readonly evidence: readonly string[];
  readonly nextStep: string;
}

const killSignal = 9;
/** Signals that the kernel sends a program for what it did, and abort(3). */
const faults: ReadonlyMap<number, string> = new Map([
  [4, 'an instruction that the processor does not know'],
  [5, 'a breakpoint'],
  [6, 'the program gave up by itself, abort(3): a failed assertion or damaged memory, as a rule'],
  [7, 'an access to memory that is not behind its address'],
  [8, 'an arithmetic error, such as a division by zero'],
  [11, 'an access to memory that is not its own'],
  [31, 'a system call that the seccomp profile forbids'],
]);
/** What exit codes mean by convention. */
const conventions: ReadonlyMap<number, readonly [cause: ExplanationCause, meaning: string, nextStep: string]> = new Map([
  [125, ['failed', 'exit code 125 is how container tools report that they themselves failed', 'read the last lines of its log']],
  [126, ['command-not-executable', 'exit code 126 is how shells report a command that they may not execute', 'check the permissions of the command that the log names']],
  [127, ['command-not-found', 'exit code 127 is how shells report a command that they do not find', 'check the spelling and the PATH of the command that the log names']],
]);

export function explainEnding(ending: Ending): Verdict {
  const { exitCode, signals, memory } = ending;
  // Where the shim is of an earlier version the code alone tells.
  const signal = ending.signal ?? (exitCode > 128 && exitCode < 128 + 65 ? exitCode - 128 : 0);
  const facts = [signal > 0 ? `its process was ended by signal ${signal} (${signalNameOf(signal)}), which shows as exit code ${exitCode}` : `its process ended by itself with exit code ${exitCode}`];
  facts.push(...signals.map(describeSent));
  if (ending.health !== undefined && ending.health.failingStreak > 0) facts.push(describeHealth(ending.health));
  if (ending.lost) {
    return { cause: 'shim-lost', verdict: 'the process that held it (dhow-shim) was killed, so it was ended too', evidence: facts, nextStep: 'start it again, and find out who killed dhow-shim (`dmesg`, audit logs): nothing in the engine does' };
  }
  if (memory !== undefined) return outOfMemory(ending, signal, facts);
  const sent = signals.findLast(({ number }) => number === signal) ?? (signal === 0 ? signals.findLast(isMeantToEnd) : undefined);
  if (sent !== undefined) return ended(ending, sent, facts);
  if (signal > 0) return bySignal(ending, signal, facts);
  const convention = conventions.get(exitCode);
  if (convention !== undefined) {
    const [cause, meaning, nextStep] = convention;
    return { cause, verdict: `it ended with exit code ${exitCode}: ${meaning}`, evidence: facts, nextStep };
  }
  if (exitCode === 0) return { cause: 'finished', verdict: 'its program finished successfully', evidence: facts, nextStep: 'nothing is wrong; a program that shall stay must not end or go to the background' };
  if (exitCode > 128 && exitCode < 128 + 65) facts.push(`by convention, exit code ${exitCode} says that a process which it waited for was ended by signal ${exitCode - 128} (${signalNameOf(exitCode - 128)})`);
  return { cause: 'failed', verdict: `its program failed with exit code ${exitCode}`, evidence: facts, nextStep: 'read the last lines of its log; the meaning of the code is the program’s own' };
}

function outOfMemory({ memory }: Ending, signal: number, facts: string[]): Verdict {
  const limit = memory?.limit ?? 0;
  const peak = memory?.peak;
  // Far below its limit it was the machine that had no memory left.
  const own = limit > 0 && (peak === undefined || peak > limit * 0.9);
  facts.push(limit > 0 ? `its memory limit is ${binarySize(limit)}` : 'it has no memory limit of its own');
  if (peak !== undefined) facts.push(`the most it used was ${binarySize(peak)}`);
  facts.push('the kernel counted a kill for lack of memory in its cgroup');
  const whom = signal === killSignal ? 'the kernel killed it' : 'the kernel killed a process in it, and then it ended';
  return own
    ? { cause: 'out-of-memory', verdict: `${whom} because it reached its memory limit of ${binarySize(limit)}`, evidence: facts, nextStep: 'give it more memory (`update --memory`, `run --memory`), or make the program use less' }
    : { cause: 'out-of-memory', verdict: `${whom} because the machine ran out of memory`, evidence: facts, nextStep: 'free memory on the host, or limit what uses most of it (`stats` shows it)' };
}

function ended({ signal = 0, exitCode, signals }: Ending, sent: SentSignal, facts: readonly string[]): Verdict {
  const who = describeRequester(sent.requester);
  if (sent.why === 'unhealthy') {
    return { cause: 'stopped-unhealthy', verdict: 'the engine stopped it because its health check failed', evidence: facts, nextStep: 'see why the probe fails (`inspect --format "{{json .State.Health}}"`), or change --on-unhealthy' };
  }
  if (sent.why === 'kill') return { cause: 'killed', verdict: `it was killed on request by ${who}`, evidence: facts, nextStep: 'nothing is wrong with the container; start it again when it is wanted' };
  if (sent.why === 'remove') return { cause: 'killed', verdict: `it was killed to be removed, by ${who}`, evidence: facts, nextStep: 'nothing is wrong with the container' };
  const forced = signal === killSignal && signals.some(({ number, why }) => why === sent.why && number !== killSignal);
  if (forced) return { cause: 'stopped', verdict: `it was stopped on request by ${who}, and killed because it did not end in time`, evidence: facts, nextStep: 'make its program end at the stop signal (--stop-signal, or --init where it is a shell), or give it more time (--stop-timeout)' };
  return { cause: 'stopped', verdict: `it was stopped on request by ${who}${exitCode === 0 || signal > 0 ? '' : `, and ended with exit code ${exitCode}`}`, evidence: facts, nextStep: 'nothing is wrong with the container; start it again when it is wanted' };
}

function bySignal({ exitCode }: Ending, signal: number, facts: string[]): Verdict {
  const fault = faults.get(signal);
  if (fault !== undefined) {
    facts.push(`signal ${signal} means ${fault}`, 'no request to this engine sent it');
    return { cause: 'crashed', verdict: `its program crashed (${signalNameOf(signal)}): ${fault}`, evidence: facts, nextStep: 'this is a fault of the program or of the image for this machine; run it with a debugger or another version' };
  }
  facts.push('no request to this engine sent the signal, and the kernel counted no kill for lack of memory in its cgroup');
  return {
    cause: 'killed-from-outside', verdict: `it was ended by ${signalNameOf(signal)} (exit code ${exitCode}), which came from another process and not through this engine`, evidence: facts,
    nextStep: 'look for who sent it: an administrator, systemd-oomd or another memory watcher on the host, or a process in the container',
  };
}

/** Whether the signal was a request to end, which a program may follow by ending itself. */
function isMeantToEnd({ why }: SentSignal): boolean {
  return why !== 'kill';
}

function describeSent({ number, at, why, requester }: SentSignal): string {
  const reason = why === 'unhealthy' ? 'the engine, because of the failed health check' : `${why === 'remove' ? 'rm -f' : why} by ${describeRequester(requester)}`;
  return `${at}: ${signalNameOf(number)} was sent: ${reason}`;
}

function describeRequester(requester: Requester | undefined): string {
  if (requester === undefined) return 'the engine';
  if (requester.address !== undefined) return `a client at ${requester.address}`;
  const command = requester.command === undefined || requester.command === '' ? '' : `, \`${requester.command}\``;
  return `uid ${requester.uid ?? '?'} (process ${requester.pid ?? '?'}${command})`;
}

export function describeHealth({ status, failingStreak, log }: NonNullable<Ending['health']>): string {
  const last = log.at(-1);
  const output = last === undefined || last.Output.trim() === '' ? '' : `: ${last.Output.trim().split('\n').at(-1)?.slice(0, 200)}`;
  return `health: ${status}, the last ${failingStreak} ${failingStreak === 1 ? 'probe' : 'probes'} failed${output}`;
}
