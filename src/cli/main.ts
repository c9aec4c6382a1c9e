/** The entry point of the command line, for the bundle and for running from sources. */
import { commandTree } from './commands/tree.ts';
import { runProgram } from './program.ts';

/** The launcher says under which name it was called. */
const called = process.env['DHOW_PROGRAM'] ?? 'dhow';
delete process.env['DHOW_PROGRAM'];

runProgram({ program: called === 'docker' ? 'docker' : 'dhow', words: process.argv.slice(2), environment: process.env, root: commandTree }).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
