/**
 * The terminal of an interactive session: every key goes to the container as it is typed, and what the container
 * prints goes to the terminal untouched.
 */
import type { Input } from './input.ts';

/** Sets the terminal raw until it is disposed. Nothing happens when the input is no terminal, or NORAW is set. */
export async function makeTerminalRaw(input: Input): Promise<Disposable> {
  const { stdin } = process;
  if (!input.isTerminal || (process.env['NORAW'] ?? '') !== '') return { [Symbol.dispose]: () => {} };
  stdin.setRawMode(true);
  await leaveOutputAlone();
  // Node puts back all that was set when it took over, so also what is changed below.
  return { [Symbol.dispose]: () => void stdin.setRawMode(false) };
}

/** Node's raw mode still turns line feeds into carriage return and line feed, which garbles full-screen programs. */
async function leaveOutputAlone(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Loaded here: most containers have no terminal.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const program = spawn('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  // Without stty the session still works, all but the column of bare line feeds.
  program.once('error', () => resolve());
  program.once('exit', () => resolve());
  await promise;
}
