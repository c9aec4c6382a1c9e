/** Whether a descriptor is a terminal, found out cheaply: pipes and files need not load Node's terminal module. */
import { fstatSync } from 'node:fs';

export function isTerminal(descriptor: number): boolean {
  try {
    if (!fstatSync(descriptor).isCharacterDevice()) return false;
  } catch (error) {
    // A closed descriptor is none.
    if (error instanceof Error && 'code' in error && error.code === 'EBADF') return false;
    throw error;
  }
  return process.getBuiltinModule('node:tty').isatty(descriptor);
}
