/** What a user is told of an error. */
import { ApiError } from '#client/client-error.ts';

/** As Docker's CLI prints it; the daemon's refusals carry their origin. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) return error.message.startsWith('request returned') ? error.message : `Error response from daemon: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
