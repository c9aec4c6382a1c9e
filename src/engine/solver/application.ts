/** One instruction on its way into its stage, and what all instructions ask of it. */
import { fail, isFailure } from '#base/errors/failure.ts';
import type { Command } from '#build/dockerfile.ts';
import { expandWord, expandWords } from '#oci/instructions/expand-word.ts';
import type { Expanders } from '#oci/instructions/apply-changes.ts';
import type { BuildNode } from './build-node.ts';
import type { PlanContext } from './plan-context.ts';
import type { PlannedStage, StageDraft } from './stage-draft.ts';

export interface Application {
  readonly command: Command;
  /** The image brought it. */
  readonly trigger: boolean;
  readonly planned: PlannedStage;
  readonly draft: StageDraft;
  readonly context: PlanContext;
  readonly fresh: boolean;
}

export function expandersOf({ draft, context }: Application): Expanders {
  const expansion = { variables: draft.environment, escape: context.escape };
  return { word: (text) => expandWord(text, expansion), words: (text) => expandWords(text, expansion) };
}

/** What a source has made so far. */
export function nodeOf(source: PlannedStage | undefined, { context }: Application, missing: string): BuildNode {
  const draft = source === undefined ? undefined : context.drafts.get(source);
  if (draft === undefined) throw fail('build.solve_failed', { message: missing });
  return draft.node;
}

/** The instruction as steps show it: variables resolved where that goes. */
export function shownText(application: Application): string {
  const { command } = application;
  const source = command.source;
  const [first = ''] = source.split(' ', 1);
  const text = first.toUpperCase() + source.slice(first.length);
  try {
    return expandWord(text, { variables: application.draft.environment, escape: application.context.escape });
  } catch (error) {
    // What cannot be resolved is told by the instruction itself.
    if (isFailure(error, 'image.invalid_change')) return text;
    throw error;
  }
}
