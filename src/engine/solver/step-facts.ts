/** What a step was made from, kept so that the next build of the same place can say why it was or was not found again. */
import { posix } from 'node:path';
import { walkSource } from '#build/source-tree.ts';
import type { BuildNode } from './build-node.ts';
import type { FoundSource } from './copy-sources.ts';

export interface StepFacts {
  /** Names of what the step is known by, with what they were: `instruction`, `ENV NAME`, `file PATH`, `option NAME`. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface StepOutcome {
  readonly name: string;
  readonly key: string;
  readonly outcome: 'hit' | 'miss' | 'not asked';
  readonly facts: StepFacts;
  /** Steps and images it is made over, by name. */
  readonly over: readonly string[];
}

export interface StepReason {
  readonly name: string;
  readonly outcome: StepOutcome['outcome'];
  readonly causes: readonly string[];
}

/** Under which the reasons are among what a build of the history answered. */
export const reasonsKey = 'dhow.build.reasons';

/** Files of one step whose digests are kept. */
const mostFiles = 20_000;

export function factsOf(node: BuildNode, sources: readonly FoundSource[], base: string | undefined): StepFacts {
  const parts: Record<string, string> = { base: base ?? 'nothing' };
  if (node.kind === 'run') {
    parts['instruction'] = node.command.join(' ');
    for (const variable of node.environment) parts[`variable ${variable.split('=', 1)[0] ?? ''}`] = variable.slice(variable.indexOf('=') + 1);
    for (const name of ['user', 'directory', 'network', 'insecure', 'hostname', 'cgroupParent', 'sharedMemory'] as const) parts[`option ${name}`] = String(node[name]);
    parts['option mounts'] = JSON.stringify(node.mounts.map(({ type, source, target, id, readonly }) => [type, source, target, id, readonly]));
  } else if (node.kind === 'copy') {
    for (const name of ['target', 'owner', 'mode'] as const) parts[`option ${name}`] = node[name];
    parts['option exclude'] = node.excludes.join(' ');
    let count = 0;
    for (const { path, node: source, below } of sources) {
      const start = posix.join(below, path);
      const entries = source.kind === 'directory' ? [...walkSource(source)].map((child) => ({ path: posix.join(start, child.path), node: child.node })) : [{ path: start, node: source }];
      for (const entry of entries) {
        if (count++ >= mostFiles) return { parts };
        const { kind, digest, linkName, mode } = entry.node;
        parts[`file ${entry.path}`] = `${kind === 'file' ? `sha256:${digest}` : kind === 'symlink' ? `link to ${linkName}` : kind} mode ${mode.toString(8)}`;
      }
    }
  } else if (node.kind === 'directory') {
    parts['instruction'] = `WORKDIR ${node.path}`;
    parts['option user'] = node.user;
  }
  return { parts };
}

/** Why each step ended as it did. `before`: the steps of the last build of the same place; undefined: there is none that is known. */
export function reasonsOf(steps: readonly StepOutcome[], before: readonly StepOutcome[] | undefined): StepReason[] {
  const made = new Set<string>();
  return steps.map((step) => {
    const { name, outcome } = step;
    if (outcome !== 'hit') made.add(name);
    return { name, outcome, causes: outcome === 'hit' ? [] : causesOf(step, { before, made }) };
  });
}

function causesOf(step: StepOutcome, { before, made }: { before: readonly StepOutcome[] | undefined; made: ReadonlySet<string> }): string[] {
  if (step.outcome === 'not asked') return ['the cache was not to be used (--no-cache); without it, what was made before would have been looked for'];
  if (before === undefined) return ['no build of this context and Dockerfile is known that it could have been made by'];
  const same = before.find(({ key }) => key === step.key);
  if (same !== undefined) return ['nothing changed, but what was made before is gone: it was pruned'];
  const place = placeOf(step.name);
  const old = before.find(({ name }) => name === step.name) ?? before.find(({ name }) => placeOf(name) === place);
  if (old === undefined) return ['the step is new: the last build had none at its place'];
  const parents = step.over.filter((name) => made.has(name));
  const changes = changesBetween(old.facts, step.facts);
  const own = changes.filter(({ name }) => name !== 'base').map(({ text }) => text);
  if (parents.length > 0) return [...own, `it is made over ${parents.join(', ')}, which was made anew`];
  const base = changes.find(({ name }) => name === 'base');
  return [...own, ...(base === undefined ? [] : [base.text])];
}

/** `[build 2/5] RUN make` stands at `build 2`. */
function placeOf(name: string): string {
  return /^\[(?:(\S+) )?\s*(\d+)\/\d+\]/.exec(name)?.slice(1).join(' ') ?? name;
}

function changesBetween({ parts: old }: StepFacts, { parts: now }: StepFacts): { name: string; text: string }[] {
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].sort().flatMap((name) => {
    const before = old[name];
    const after = now[name];
    if (before === after) return [];
    if (name === 'base') return [{ name, text: `the file system below changed: it was ${before ?? 'nothing'}, now it is ${after ?? 'nothing'}` }];
    if (before === undefined) return [{ name, text: `${name} is new: ${after ?? ''}` }];
    if (after === undefined) return [{ name, text: `${name} is gone: it was ${before}` }];
    return [{ name, text: `${name} changed: it was ${before}, now it is ${after}` }];
  });
}
