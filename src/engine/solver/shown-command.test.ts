/** Steps as they are shown. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { shownCommand } from './shown-command.ts';

const variables = new Map([['A', 'one'], ['EMPTY', '']]);

const cases: readonly [written: string, shown: string][] = [
  ['RUN echo $A ${A}', 'RUN echo one one'],
  ['RUN echo $NONE ${NONE:-x}', 'RUN echo $NONE ${NONE:-x}'],
  ['RUN echo ${A:+yes} ${A#o} ${EMPTY:-none}', 'RUN echo yes ne none'],
  ["RUN awk '{print $A}' \"$A\"", "RUN awk '{print $A}' \"one\""],
  ['RUN awk "{print \\$2}"', 'RUN awk "{print $2}"'],
  ['RUN printf "a\\n" \\$A', 'RUN printf "a\\n" $A'],
];

for (const [written, shown] of cases) {
  test(`the step ${written} must be shown with what is set resolved and quotes kept`, () => {
    assert.equal(shownCommand(written, { variables, escape: '\\' }), shown);
  });
}
