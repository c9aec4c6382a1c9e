/** Which builder the user wants: `DOCKER_BUILDKIT=0` asks for the classic one. */
import { CommandFailure } from '#cli/command-failure.ts';
import { parseBoolean } from '#cli/go-number.ts';

/** @throws CommandFailure with Docker's texts */
export function wantsClassicBuilder(variable: string | undefined): boolean {
  if (variable === undefined || variable === '') return false;
  try {
    return !parseBoolean(variable);
  } catch (error) {
    throw new CommandFailure(`DOCKER_BUILDKIT environment variable expects boolean value: ${error instanceof Error ? error.message : String(error)}`, 1, error);
  }
}
