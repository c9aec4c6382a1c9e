import assert from 'node:assert/strict';
import test from 'node:test';
import { readDockerfile } from './dockerfile.ts';

const messageFor = (text: string): string => {
  try {
    readDockerfile(text);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test('stages, continued lines, comments between them and the escape directive must be read', () => {
  const { stages, metaArguments, escape } = readDockerfile('# escape=`\nARG BASE=x\nFROM $BASE AS Build\nRUN one `\n  # within\n  two\nFROM build\nCOPY --from=build ["a b", "/c"]\n');
  assert.equal(escape, '`');
  assert.deepEqual(metaArguments.map(({ source }) => source), ['ARG BASE=x']);
  assert.deepEqual(stages.map(({ name, base, source }) => [name, base, source]), [['build', '$BASE', 'FROM $BASE AS Build'], ['', 'build', 'FROM build']]);
  assert.deepEqual(stages[0]?.commands.map(({ source }) => source), ['RUN one   two']);
  assert.deepEqual(stages[1]?.commands.map(({ parameters, flags, json }) => [parameters, [...flags], json]), [[['a b', '/c'], [['from', 'build']], true]]);
});

test('the lines of a here-document must stay with their instruction', () => {
  const { stages } = readDockerfile('FROM x\nRUN <<EOT\nBOGUS line\nEOT\nCMD y\n');
  assert.deepEqual(stages[0]?.commands.map(({ source }) => source), ['RUN <<EOT', 'CMD y']);
});

test('words that begin here-documents must be read as the shell reads them', () => {
  const { stages } = readDockerfile('FROM x\nCOPY <<A <<-"B C" 3<<\'D\' <<E"F" /d/\na $x\r\nA\n\tb\n\tB C\nd\nD\ne\nEF\nENV x=<<Y\n');
  assert.deepEqual(stages[0]?.commands[0]?.heredocs, [
    { name: 'A', content: 'a $x\r\n', expand: true },
    { name: 'B C', content: 'b\n', expand: false },
    { name: 'D', content: 'd\n', expand: false },
    { name: 'EF', content: 'e\n', expand: false },
  ]);
  assert.equal(stages[0]?.commands[1]?.source, 'ENV x=<<Y');
});

test('comments must be known to the instruction they stand right before', () => {
  const { stages, metaArguments } = readDockerfile('# apart\n\n# V version\n#  of it\nARG V=1\nFROM x\nRUN a\n# lost\n\nRUN b\n');
  assert.deepEqual(metaArguments[0]?.comments, ['V version', 'of it']);
  assert.deepEqual(stages[0]?.commands.map(({ comments }) => comments), [[], []]);
});

const faults: readonly [text: string, message: string][] = [
  ['# nothing\n', 'failed to parse Dockerfile: file with no instructions'],
  ['# escape=x\nFROM a\n', "failed to parse Dockerfile: invalid escape token 'x' does not match ` or \\"],
  ['# escape=`\n# escape=`\nFROM a\n', 'failed to parse Dockerfile: only one escape parser directive can be used'],
  ['RUN true\n', 'no build stage in current context'],
  ['ARG a\n', 'no build stage in current context'],
  ['FROM a b\n', 'dockerfile parse error on line 1: FROM requires either one or three arguments'],
  ['FROM a AS 1b\n', 'dockerfile parse error on line 1: invalid name for build stage: "1b", name can\'t start with a number or contain symbols'],
  ['FROM a\n\n# words\nBOGUS x\n', 'dockerfile parse error on line 4: unknown instruction: BOGUS'],
  ['FROM a\nCOPY x\n', 'dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined'],
  ['FROM a\nCOPY --bogus=1 x y\n', 'dockerfile parse error on line 2: unknown flag: --bogus'],
  ['FROM a\nSHELL sh\n', 'dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form'],
  ['FROM a\nENV A\n', 'failed to parse Dockerfile: ENV must have two arguments'],
  ['FROM a\nHEALTHCHECK --interval=x CMD true\n', 'dockerfile parse error on line 2: time: invalid duration "x"'],
];

for (const [text, message] of faults) {
  test(`the Dockerfile ${JSON.stringify(text)} must be refused in Docker's words`, () => assert.equal(messageFor(text), message));
}
