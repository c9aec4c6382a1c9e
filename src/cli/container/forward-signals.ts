/** Sends the signals this program gets on to a container's process. */
import { ApiError, ConnectionError } from '#client/client-error.ts';
import type { Client } from '#client/client.ts';

/** All that can be caught and mean something to a process; not those of children and pipes. */
const forwarded = [
  'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGWINCH', 'SIGALRM', 'SIGVTALRM', 'SIGXCPU', 'SIGXFSZ', 'SIGIO', 'SIGPWR', 'SIGSYS', 'SIGTRAP',
] as const satisfies readonly NodeJS.Signals[];

/** Forwards until disposed. */
export function forwardSignals(client: Client, container: string): Disposable {
  const forward = (name: NodeJS.Signals): void => {
    client.containers.kill(container, name.slice(3)).catch((error: unknown) => {
      // It may have ended in this moment.
      if (!(error instanceof ApiError || error instanceof ConnectionError)) throw error;
    });
  };
  for (const name of forwarded) process.on(name, forward);
  return {
    [Symbol.dispose]: () => {
      for (const name of forwarded) process.off(name, forward);
    },
  };
}
