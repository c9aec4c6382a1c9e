/** A RUN's command as steps show it: variables that are set are resolved, quotes stay (moby/buildkit, frontend/dockerfile/shell). */
import { expandWord, type ExpansionContext } from '#oci/instructions/expand-word.ts';

const reference = /^\$(?:\{(\w+)[^}]*\}|(\w+))/;

export function shownCommand(text: string, context: ExpansionContext): string {
  let shown = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    const next = text[at + 1];
    if (quote === "'") {
      if (character === quote) quote = '';
      shown += character;
    } else if (character === context.escape && next !== undefined) {
      // In quotes it escapes no more than what would end or change them.
      const escapes = quote === '' || next === '"' || next === '$' || next === context.escape;
      shown += escapes ? next : character + next;
      at++;
    } else if (character === "'" && quote === '') {
      quote = character;
      shown += character;
    } else if (character === '"') {
      quote = quote === '' ? character : '';
      shown += character;
    } else if (character === '$') {
      const found = reference.exec(text.slice(at));
      const [match = character, braced, plain] = found ?? [];
      shown += context.variables.has(braced ?? plain ?? '') ? resolved(match, context) : match;
      at += match.length - 1;
    } else shown += character;
  }
  return shown;
}

function resolved(match: string, context: ExpansionContext): string {
  try {
    return expandWord(match, context);
  } catch {
    // A substitution that fails is shown as it is written; the shell tells what is wrong with it.
    return match;
  }
}
