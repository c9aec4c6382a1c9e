/** `explain`: why a container is as it is, from the engine's own evidence. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';
import type { Explanation } from '#schema/explanation.ts';

export const command = defineCommand({
  usage: 'explain [OPTIONS] CONTAINER',
  description: 'Say why a container is as it is: one verdict with its proof, its last log lines, and what to do next',
  positional: exactArguments(1),
  flags: { format: textFlag({ short: 'f', text: inspectFormatText }) },
  async run({ client, arguments: [reference = ''], flags, stdout, signal }) {
    const explanation = await client.containers.explain(reference, signal);
    if (flags.format === 'json') {
      stdout.writeLine(JSON.stringify(explanation));
      return 0;
    }
    if (flags.format !== '') {
      return inspectObjects({ references: [reference], format: flags.format, stdout, find: async () => ({ document: JSON.stringify(explanation), type: undefined }) });
    }
    stdout.write(explanationText(explanation));
    return 0;
  },
  complete: (invocation) => completeContainers(invocation, { all: true }),
});

function explanationText({ Name, Status, Verdict, Evidence, LastLines, NextStep }: Explanation): string {
  const lines = [`${Name.replace(/^\//, '')} (${Status}): ${Verdict}`, '', 'Proof:', ...Evidence.map((fact) => `  - ${fact}`)];
  if (LastLines.length > 0) lines.push('', 'Last lines of its log:', ...LastLines.map(({ Stream, Line }) => `  ${Stream === 'stderr' ? '! ' : '| '}${Line}`));
  return `${[...lines, '', `Next step: ${NextStep}`].join('\n')}\n`;
}
