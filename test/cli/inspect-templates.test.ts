/** Templates of `inspect` against what Docker's own command line (28.2.2) made of the same document. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CommandFailure } from '#cli/command-failure.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';
import { containerInspectType } from '#cli/format/types/container-inspect-type.ts';
import { Output } from '#cli/streams/output.ts';

interface Recording {
  readonly document: unknown;
  readonly cases: readonly { readonly template: string; readonly stdout: string; readonly stderr: string; readonly exitCode: number }[];
}

/** Keeps what is written. */
class Recorder extends Output {
  text = '';

  constructor() {
    super(-1, { last: Promise.resolve() });
  }

  override write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
  }
}

const recording = JSON.parse(readFileSync(new URL('inspect-templates.json', import.meta.url), 'utf8')) as Recording;
const document = JSON.stringify(recording.document);

test('every template must print and fail as Docker does, byte for byte', async () => {
  assert.ok(recording.cases.length > 400);
  for (const { template, stdout, stderr, exitCode } of recording.cases) {
    const output = new Recorder();
    let error = '';
    let code = 0;
    try {
      await inspectObjects({ references: ['one'], format: template, find: async () => ({ document, type: containerInspectType }), stdout: output });
    } catch (failure) {
      if (!(failure instanceof CommandFailure)) throw failure;
      error = `${failure.message}\n`;
      code = failure.exitCode;
    }
    assert.deepEqual({ template, stdout: output.text, stderr: error, exitCode: code }, { template, stdout, stderr, exitCode });
  }
});

test('without a format the document must be laid out with its own spellings', async () => {
  const output = new Recorder();
  const find = async () => ({ document: '{"b":[],"a":1.50,"n":{},"l":[{"x":"\\u003c"}]}\n', type: undefined });
  await inspectObjects({ references: ['one'], format: '', find, stdout: output });
  assert.equal(output.text, [
    '[', '    {', '        "b": [],', '        "a": 1.50,', '        "n": {},', '        "l": [', '            {',
    '                "x": "\\u003c"', '            }', '        ]', '    }', ']', '',
  ].join('\n'));
});

test('objects that are not found must not keep the others from being shown', async () => {
  const output = new Recorder();
  const find = async (reference: string) => {
    if (reference !== 'one') throw new Error(`no ${reference}`);
    return { document: '{"Name":"one"}', type: undefined };
  };
  await assert.rejects(
    inspectObjects({ references: ['two', 'one', 'three'], format: '{{.Name}}', find, stdout: output }),
    (error: unknown) => error instanceof CommandFailure && error.message === 'no two\nno three' && error.exitCode === 1,
  );
  assert.equal(output.text, 'one\n');
});
