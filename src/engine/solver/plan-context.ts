/** What planning a build shares between stages and instructions. */
import { fail } from '#base/errors/failure.ts';
import type { BuildChecks } from '#build/checks/build-checks.ts';
import type { Command } from '#build/dockerfile.ts';
import type { Platform } from '#oci/platform.ts';
import type { BuildNode } from './build-node.ts';
import type { SolveOptions } from './solve-options.ts';
import type { PlannedStage, StageDraft } from './stage-draft.ts';

/** What applying an instruction may need of the build around it. */
export interface PlanContext {
  readonly options: SolveOptions;
  readonly platform: Platform;
  readonly escape: string;
  readonly checks: BuildChecks;
  /** ARGs before the first stage, with those of the platform. */
  readonly globals: ReadonlyMap<string, string>;
  /** Stands for the context until all paths are known. */
  readonly contextInput: BuildNode;
  /** What is fetched from elsewhere, once for all steps that take from it: the first one's node. */
  readonly fetched: Map<string, BuildNode>;
  readonly usePath: (path: string) => void;
  readonly isIgnored: (path: string) => boolean;
  readonly drafts: ReadonlyMap<PlannedStage, StageDraft>;
}

/** An ARG's name and what it is when it was not given. */
export function splitArgument(parameter: string): { name: string; fallback: string | undefined } {
  const equals = parameter.indexOf('=');
  return equals < 0 ? { name: parameter, fallback: undefined } : { name: parameter.slice(0, equals), fallback: parameter.slice(equals + 1) };
}

/** Whether an instruction is shown as a step. */
export function makesStep({ word }: Command): boolean {
  return word === 'RUN' || word === 'COPY' || word === 'ADD' || word === 'WORKDIR';
}

/** A step as the client sees it, `[build 2/5] RUN make`. */
export function stepName(planned: PlannedStage, text: string, { trigger = false }: { trigger?: boolean } = {}): string {
  if (planned.steps === 0) return text;
  planned.step++;
  const width = String(planned.steps).length;
  const label = planned.label === '' ? '' : `${planned.label} `;
  return `[${label}${String(planned.step).padStart(width)}/${planned.steps}] ${trigger ? 'ONBUILD ' : ''}${text}`;
}

/** Wrong text of an instruction is a failure of the build. */
export function refusing<T>(read: () => T, prefix = ''): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && error.name === 'Error') throw fail('build.solve_failed', { message: prefix + error.message }, error);
    throw error;
  }
}
