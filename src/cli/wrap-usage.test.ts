import assert from 'node:assert/strict';
import test from 'node:test';
import { listFlag, mapFlag } from './flags/list-flags.ts';
import { booleanFlag, integerFlag, textFlag } from './flags/scalar-flags.ts';
import { flagUsages } from './wrap-usage.ts';

const flags = {
  last: integerFlag({ short: 'n', text: 'Show n last created containers (includes all states)', initial: -1 }),
  all: booleanFlag({ short: 'a', text: 'Show all containers (default shows just running)' }),
  format: textFlag({ text: "Format output using a custom template:\n'table':            Print output in table format with column headers (default)", initial: 'x' }),
  sysctl: mapFlag({ text: 'Sysctl options' }),
  secret: listFlag({ text: 'not shown', hidden: true }),
  proxy: booleanFlag({ text: 'Proxy signals', initial: true }),
};

test('flags must be sorted, aligned and wrapped with their defaults', () => {
  assert.equal(
    flagUsages(flags, 79),
    [
      '  -a, --all             Show all containers (default shows just running)',
      '      --format string   Format output using a custom template:',
      "                        'table':            Print output in table format",
      '                        with column headers (default) (default "x")',
      '  -n, --last int        Show n last created containers (includes all',
      '                        states) (default -1)',
      '      --proxy           Proxy signals (default true)',
      '      --sysctl map      Sysctl options (default map[])',
      '',
    ].join('\n'),
  );
});

test('a narrow terminal must get the texts below the flags', () => {
  assert.match(flagUsages({ format: flags.format }, 45), /^ {6}--format string +\n {16}Format output using a\n {16}custom template:\n/);
});
